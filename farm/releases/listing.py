"""``farm release list``: what is where, and which run still needs it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from farm.home import Home
from farm.inventory import Inventory
from farm.release import archived, short
from farm.releases.needs import Need, needs
from farm.releases.standing import Standing, ask
from farm.show import table
from farm.transport import Transport

_TOLD = ("kind", "version", "schema", "built_at")
"""Of RELEASE.json."""


@dataclass(frozen=True)
class Listing:
    env: str
    standings: tuple[Standing, ...]
    needs: tuple[Need, ...]
    archives: tuple[str, ...]
    """Releases whose archives stand on the head."""

    @property
    def digests(self) -> tuple[str, ...]:
        """Every release that stands somewhere or that a run needs, those that were built last first."""
        built: dict[str, str] = dict.fromkeys(self.archives, "")
        built |= {need.release: "" for need in self.needs if need.release}
        built |= {each.digest: each.built_at for standing in self.standings for each in standing.releases}
        return tuple(sorted(built, key=lambda digest: (built[digest], digest), reverse=True))

    def hosts(self, digest: str, place: str) -> list[str]:
        """The hosts where the release is current, previous or staged."""
        return [each.host.name for each in self.standings if each.place(digest) == place]

    def runs(self, digest: str) -> list[Need]:
        """The runs that need the release."""
        return [need for need in self.needs if need.release == digest]

    def manifest(self, digest: str) -> dict[str, Any]:
        """The RELEASE.json of some host that has the release; empty where none has."""
        found = (installed for each in self.standings if (installed := each.find(digest)))
        return next((each.manifest for each in found), {})

    def as_json(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "environment": self.env,
            "hosts": [_host_json(each) for each in self.standings],
            "runs": [asdict(need) for need in self.needs],
            "archives": list(self.archives),
        }


def listing(inventory: Inventory, transport: Transport) -> Listing:
    """Ask hosts and journals; a host that cannot be asked says so in its standing."""
    return Listing(
        inventory.env,
        tuple(ask(inventory, transport)),
        tuple(needs(inventory.env)),
        tuple(archived(Home(inventory.env))),
    )


def _host_json(standing: Standing) -> dict[str, Any]:
    return {
        "name": standing.host.name,
        "roles": list(standing.roles),
        "current": standing.current,
        "previous": standing.previous,
        "releases": [
            {"digest": each.digest, **{name: each.manifest.get(name) for name in _TOLD}} for each in standing.releases
        ],
        "error": str(standing.error) if standing.error else None,
    }


def show(found: Listing) -> None:
    """A line a release, and a line a run that goes on, or is waited for, with one."""
    rows = [
        (short(digest), *(_names(found, digest, place) for place in ("current", "previous", "staged")),
         "yes" if digest in found.archives else "", str(len(found.runs(digest)) or ""),
         str(found.manifest(digest).get("built_at", ""))[:16].replace("T", " "))
        for digest in found.digests
    ]  # fmt: skip
    columns = ("release", "current on", "previous on", "staged on", "on the head", "runs", "built at, UTC")
    table(f"Releases of {found.env}", columns, rows)
    for need in found.needs:
        if not need.over:
            print(f"run {need.run} needs {short(need.release) if need.release else 'an unknown release'}: {need.why}")


def _names(found: Listing, digest: str, place: str) -> str:
    """Host names, with what they are where they are no workers."""
    roles = {each.host.name: each.roles for each in found.standings}
    others = {name: f" ({', '.join(said)})" if said != ("worker",) else "" for name, said in roles.items()}
    return ", ".join(f"{name}{others[name]}" for name in found.hosts(digest, place))


def reasons(wanted: Sequence[Need]) -> list[str]:
    """Why a release is needed: a line a run, but one for all that are over."""
    said = [f"run {need.run} needs it: {need.why}" for need in wanted if not need.over]
    if over := [need.run for need in wanted if need.over]:
        said.append(f"journals of {len(over)} runs refer to it, {over[-1]} for one: farm prune takes old runs away")
    return said
