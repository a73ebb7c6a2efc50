"""The operator of the lab's hosts: its key, which is all that they know, and the pins of their own keys."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from farm.home import Home
from farm.lab.command import run
from farm.lab.state import ROOT
from farm.lab.topology import HOSTS, LabHost

FOLDER = ROOT / "operator"
KEY = FOLDER / "id_ed25519"
KNOWN_HOSTS = FOLDER / "known_hosts"


def make() -> None:
    """Make the operator's key pair where there is none."""
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    if not KEY.exists():
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "operator of the lab", "-f", str(KEY))


def public_key() -> str:
    return KEY.with_suffix(".pub").read_text()


def pin(keys: Mapping[LabHost, str]) -> bool:
    """Pin hosts' public keys, for the operator and in farm's known_hosts of the lab; says whether that changed any."""
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    home = Home("lab")
    home.make()
    lines = {host.address: _line(host, key) for host, key in keys.items()}
    changed = [_replace(file, lines) for file in (KNOWN_HOSTS, home.known_hosts)]
    return any(changed)


def unpin() -> None:
    """Forget every host's pin: they are gone."""
    addresses = dict.fromkeys((host.address for host in HOSTS), "")
    if Home("lab").known_hosts.exists():
        _replace(Home("lab").known_hosts, addresses)


def is_pinned(host: LabHost, key: str) -> bool:
    """Whether ``key`` is the one that the operator expects of a host."""
    return KNOWN_HOSTS.exists() and _line(host, key) in KNOWN_HOSTS.read_text().splitlines()


def _line(host: LabHost, key: str) -> str:
    return f"{host.address} {' '.join(key.split()[:2])}"


def _replace(file: Path, lines: Mapping[str, str]) -> bool:
    """Put a line for each address into a known_hosts, whole or not at all; says whether it differed."""
    old = file.read_text().splitlines() if file.exists() else []
    new = [line for line in old if line.partition(" ")[0] not in lines]
    new += filter(None, lines.values())
    if sorted(new) == sorted(old):
        return False
    if not new:
        file.unlink()
        return True
    fresh = file.with_name(f".{file.name}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as output:
        output.writelines(f"{line}\n" for line in new)
    fresh.replace(file)
    return True


def ssh_command(host: LabHost, *argv: str) -> list[str]:
    """The command that runs a shell command line on a host as its operator."""
    options = ["BatchMode=yes", "StrictHostKeyChecking=yes", f"UserKnownHostsFile={KNOWN_HOSTS}"]
    options += ["GlobalKnownHostsFile=/dev/null", "IdentitiesOnly=yes", "ConnectTimeout=5", "ServerAliveInterval=5"]
    flags = [flag for option in options for flag in ("-o", option)]
    return ["ssh", "-F", "none", "-i", str(KEY), *flags, f"root@{host.address}", *argv]


def destroy() -> None:
    unpin()
    shutil.rmtree(FOLDER, ignore_errors=True)
