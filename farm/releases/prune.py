"""``farm release prune``: takes away releases that are nowhere current or previous, and that no journal refers to.

On a host it goes by that host's links; and nothing goes there that a process works with, of whatever head or pipeline.
"""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from farm import playbook
from farm.errors import RunError
from farm.home import Home
from farm.inventory import Inventory
from farm.release import archived, short
from farm.releases.listing import Listing, listing, reasons
from farm.releases.standing import Standing, ask, require_all
from farm.show import table
from farm.transport import Transport

HEAD = "head"


@dataclass(frozen=True)
class Pruned:
    dry: bool
    gone: tuple[tuple[str, str], ...]
    """(host, digest); the host is ``head`` for an archive."""
    kept: tuple[tuple[str, str], ...]
    """(digest, why) of what is neither current nor previous and stays."""

    def as_json(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "dry_run": self.dry,
            "gone": [{"host": host, "release": digest} for host, digest in self.gone],
            "kept": [{"release": digest, "why": why} for digest, why in self.kept],
        }


def prune(inventory: Inventory, transport: Transport, *, dry: bool = False) -> Pruned:
    """Take away what may go; ``dry``: only say what would.

    Raises the error of a host that cannot be asked, RunError where a journal does not tell what it needs: nothing is
    taken then.
    """
    found = listing(inventory, transport)
    require_all(found.standings)
    if dumb := [need for need in found.needs if need.release is None]:
        raise RunError(f"run {dumb[0].run} may need any release, so none is taken away: {dumb[0].why}")
    unneeded = {digest for digest in found.digests if not found.runs(digest)}
    before = _places(found.standings)
    going = {(host, digest) for host, digest, place in before if place == "staged" and digest in unneeded}
    if going and not dry:
        playbook.play(inventory, "prune_releases", {"release_unneeded": sorted({digest for _, digest in going})})
        there = {(host, digest) for host, digest, _ in _places(ask(inventory, transport))}
    else:
        there = {(host, digest) for host, digest, _ in before} - going
    nowhere = unneeded - {digest for _, digest in there}
    gone = (going - there) | _archives(inventory.home, nowhere, dry)
    return Pruned(dry, tuple(sorted(gone)), tuple(_kept(found, going & there)))


def _places(standings: Iterable[Standing]) -> list[tuple[str, str, str | None]]:
    """(host, digest, place) of every release on every host."""
    return [
        (standing.host.name, each.digest, standing.place(each.digest))
        for standing in standings
        for each in standing.releases
    ]


def _archives(home: Home, digests: set[str], dry: bool) -> set[tuple[str, str]]:
    """Archives on the head of releases that stand nowhere."""
    going = digests & set(archived(home))
    for digest in () if dry else going:
        shutil.rmtree(home.releases / digest)
    return {(HEAD, digest) for digest in going}


def _kept(found: Listing, refused: set[tuple[str, str]]) -> list[tuple[str, str]]:
    linked = {digest for each in found.standings for digest in (each.current, each.previous)}
    kept = [
        (digest, reason) for digest in found.digests if digest not in linked for reason in reasons(found.runs(digest))
    ]
    return kept + [(digest, f"a process on {host} works with it") for host, digest in sorted(refused)]


def show(pruned: Pruned) -> None:
    """What went, by release and host, and what stays."""
    rows = [(short(digest), host) for host, digest in pruned.gone]
    table("Would go" if pruned.dry else "Gone", ("release", "host"), rows)
    for digest, why in pruned.kept:
        print(f"release {short(digest)} stays: {why}")
