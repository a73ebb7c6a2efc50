"""``farm release show --verify``: the files of a release on every host against the hashes from when it was staged."""

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import gevent

from farm.errors import FarmError, ReleaseError, UnreachableError
from farm.preflight import RELEASES
from farm.releases.standing import Standing
from farm.transport import Transport
from farm.worker import files

_SECONDS = 120


def verify(standings: Sequence[Standing], digest: str, transport: Transport) -> dict[str, list[str]]:
    """What is not as installed, by host that has the release; an empty list where all is.

    Hosts of one kind must also have the same files as each other. Raises the error of a host that cannot be asked.
    """
    having = [each for each in standings if each.find(digest)]
    asked = {each.host.name: gevent.spawn(_ask, each, digest, transport) for each in having}
    gevent.joinall(list(asked.values()))
    wrong: dict[str, list[str]] = {}
    for name, greenlet in asked.items():
        said = greenlet.get()
        if isinstance(said, FarmError):
            raise said
        wrong[name] = said
    for name, unlike in _unlike({each.host.name: _kind(each, digest) for each in having}).items():
        wrong[name].append(unlike)
    return wrong


def _kind(standing: Standing, digest: str) -> tuple[str, str]:
    installed = standing.find(digest)
    assert installed is not None
    return str(installed.manifest.get("kind")), str(installed.manifest.get("files"))


def _unlike(kinds: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """The hosts whose list of files differs from the first host's of their kind."""
    first: dict[str, tuple[str, str]] = {}
    found = {}
    for name, (kind, listed) in kinds.items():
        other, theirs = first.setdefault(kind, (name, listed))
        if listed != theirs:
            found[name] = f"its files are not those of {other}"
    return found


def _ask(standing: Standing, digest: str, transport: Transport) -> list[str] | FarmError:
    program = Path(files.__file__).read_text(encoding="utf-8")
    try:
        session = transport.connect(standing.host)
        try:
            said = session.run(f"python3 -c {shlex.quote(program)} {RELEASES}/releases/{digest}", _SECONDS)
        finally:
            session.close()
    except FarmError as error:
        return error
    if said.code != 0:
        why = said.err.strip().rpartition("\n")[2]
        return UnreachableError(f"{standing.host.where} cannot look through release {digest}: {why}")
    return list(json.loads(said.out))


def require(wrong: Mapping[str, Sequence[str]], digest: str) -> None:
    """Raises ReleaseError where a host's files are not as installed."""
    if spoilt := [name for name, said in wrong.items() if said]:
        raise ReleaseError(
            f"release {digest[:12]} is not as it was installed on {', '.join(spoilt)}: remove its RELEASE.json"
            " there, and run ansible-playbook -i INVENTORY provision.yml from its sources"
        )
