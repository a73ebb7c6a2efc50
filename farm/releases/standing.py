"""Which releases stand on which host; all hosts that take releases are asked at once, as the farm's own user."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import gevent

from farm.errors import FarmError, ReleaseError, UnreachableError
from farm.inventory import Host, Inventory
from farm.preflight import RELEASES
from farm.release import short
from farm.transport import Transport

GROUPS = {"workers": "worker", "pipeline": "pipeline", "loader": "loader"}
"""The groups whose hosts take releases, and what a host of them is called. A loader that is the head takes none."""
_SECONDS = 10
_QUESTION = f"""
cd {RELEASES} 2>/dev/null || exit 0
echo "current $(readlink -e current)"
echo "previous $(readlink -e previous)"
for each in releases/*/RELEASE.json; do
    name=${{each%/*}}
    [ -e "$each" ] && echo "release ${{name##*/}} $(tr -d '\\n' < "$each")"
done
true
"""


@dataclass(frozen=True)
class Installed:
    """A complete release on a host."""

    digest: str
    """The name of its folder."""
    manifest: dict[str, Any]
    """Its RELEASE.json."""

    @property
    def built_at(self) -> str:
        return str(self.manifest.get("built_at", ""))


@dataclass(frozen=True)
class Standing:
    """What a host has, or the error that kept it from telling."""

    host: Host
    roles: tuple[str, ...]
    """What the host is: of worker, pipeline, loader."""
    current: str | None = None
    previous: str | None = None
    """The release that was current before the last switch; None too where that was taken back."""
    releases: tuple[Installed, ...] = ()
    error: FarmError | None = None

    def find(self, digest: str) -> Installed | None:
        return next((each for each in self.releases if each.digest == digest), None)

    def place(self, digest: str) -> str | None:
        """What the release is there: current, previous or staged; None where it is not."""
        if digest == self.current:
            return "current"
        if digest == self.previous:
            return "previous"
        return "staged" if self.find(digest) else None


def hosts(inventory: Inventory) -> dict[Host, tuple[str, ...]]:
    """The hosts that take releases, in the inventory's order, and what each is."""
    found: dict[Host, tuple[str, ...]] = {}
    for group, role in GROUPS.items():
        for host in inventory.group(group) if inventory.has(group) else ():
            if not host.local:
                found[host] = (*found.get(host, ()), role)
    return found


def ask(inventory: Inventory, transport: Transport) -> list[Standing]:
    """Ask all hosts at once."""
    asked = [gevent.spawn(_ask, host, roles, transport) for host, roles in hosts(inventory).items()]
    gevent.joinall(asked)
    return [greenlet.get() for greenlet in asked]


def _ask(host: Host, roles: tuple[str, ...], transport: Transport) -> Standing:
    try:
        session = transport.connect(host)
    except FarmError as error:
        return Standing(host, roles, error=error)
    try:
        return _standing(host, roles, session.run(_QUESTION, _SECONDS).out)
    except FarmError as error:
        return Standing(host, roles, error=error)
    finally:
        session.close()


def _standing(host: Host, roles: tuple[str, ...], out: str) -> Standing:
    links: dict[str, str | None] = {}
    releases = []
    try:
        for line in out.splitlines():
            kind, _, rest = line.partition(" ")
            if kind == "release":
                name, _, manifest = rest.partition(" ")
                releases.append(Installed(name, dict(json.loads(manifest))))
            else:
                links[kind] = PurePosixPath(rest).name or None
    except (ValueError, TypeError) as error:
        raise UnreachableError(f"{host.where} answers nonsense of its releases ({error}): {out[:200]}") from None
    current, previous = (_complete(links.get(name), releases) for name in ("current", "previous"))
    newest = tuple(sorted(releases, key=lambda each: each.built_at, reverse=True))
    return Standing(host, roles, current, previous if previous != current else None, newest)


def _complete(digest: str | None, releases: Iterable[Installed]) -> str | None:
    return digest if any(each.digest == digest for each in releases) else None


def agreed(standings: Sequence[Standing], env: str) -> str:
    """The release that is current on every host of ``env`` that could be asked.

    Raises ReleaseError that names who has what.
    """
    by_release: dict[str | None, list[str]] = {}
    for each in standings:
        if each.error is None:
            by_release.setdefault(each.current, []).append(each.host.name)
    if len(by_release) == 1 and (digest := next(iter(by_release))):
        return digest
    who = "; ".join(f"{', '.join(names)}: {short(name) if name else 'none'}" for name, names in by_release.items())
    what = "differ" if len(by_release) > 1 else "are not known"
    raise ReleaseError(
        f"the hosts' current releases {what} ({who or 'no host could be asked'}): farm upgrade --inventory {env}"
        f" brings all to the sources as they are, farm release rollback --inventory {env} takes back what an upgrade"
        " began"
    )


def require_all(standings: Iterable[Standing]) -> None:
    """Raises the first error of a host that could not be asked, naming the others."""
    broken = [each for each in standings if each.error]
    if broken:
        first = broken[0].error
        assert first is not None
        others = ", ".join(each.host.name for each in broken[1:])
        raise type(first)(f"{first}{f' (and so {others})' if others else ''}") from first
