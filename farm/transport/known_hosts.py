"""Pinned host keys, in OpenSSH's known_hosts format (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from farm.errors import HostKeyError


@dataclass(frozen=True)
class Pinned:
    """A key that a host may show, in SSH's wire format."""

    kind: str
    key: bytes
    revoked: bool


def fingerprint(key: bytes) -> str:
    """As ``ssh-keygen -l`` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def pinned(file: Path, names: tuple[str, ...], port: int) -> list[Pinned]:
    """The keys of a host that goes by any of ``names``. Raises HostKeyError where the file cannot be read."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise HostKeyError(f"the pinned host keys {file} cannot be read: {error}") from None
    wanted = [name if port == 22 else f"[{name}]:{port}" for name in names]
    return [key for patterns, key in _entries(lines) if any(_matches(patterns, name) for name in wanted)]


def check(shown: bytes, allowed: list[Pinned], where: str, file: Path) -> None:
    """Raises HostKeyError unless ``shown`` is one of the allowed keys."""
    same = [each for each in allowed if each.key == shown]
    if same and not any(each.revoked for each in same):
        return
    if same:
        raise HostKeyError(f"{where} shows a key that {file} has revoked, {fingerprint(shown)}: do not connect to it")
    if not allowed:
        raise HostKeyError(
            f"no key of {where} is pinned in {file}; it shows {fingerprint(shown)}:"
            " pin it there once you know that it is the host's own (ansible-playbook -i INVENTORY provision.yml)"
        )
    raise HostKeyError(
        f"{where} shows another key than the one pinned: it shows {fingerprint(shown)}, and {file} has"
        f" {' or '.join(fingerprint(each.key) for each in allowed)}; find out why before you replace the pinned one"
    )


def _entries(lines: list[str]) -> Iterator[tuple[str, Pinned]]:
    for line in lines:
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        marker = fields.pop(0) if fields[0].startswith("@") else ""
        if len(fields) < 3 or marker not in ("", "@revoked"):
            continue
        try:
            key = base64.b64decode(fields[2], validate=True)
        except binascii.Error:
            continue
        yield fields[0], Pinned(fields[1], key, marker == "@revoked")


def names_exactly(patterns: str, names: Collection[str]) -> bool:
    """Whether the patterns of a line, hashed or not, are names out of these and nothing more."""
    if patterns.startswith("|1|"):
        return any(_matches(patterns, name) for name in names)
    return {*patterns.split(",")} <= {*names}


def _matches(patterns: str, name: str) -> bool:
    if patterns.startswith("|1|"):
        _, _, salt, digest = patterns.split("|")
        made = hmac.new(base64.b64decode(salt), name.encode(), hashlib.sha1).digest()
        return hmac.compare_digest(made, base64.b64decode(digest))
    found = False
    for pattern in patterns.split(","):
        plain = pattern.removeprefix("!").replace("[", "[[]")
        if fnmatchcase(name, plain):
            if pattern.startswith("!"):
                return False
            found = True
    return found
