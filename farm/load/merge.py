"""Parts into the table: a temporary staging table, merged in the order of its key, a chunk a transaction, guarded."""

import random
import time
from dataclasses import dataclass, field

from farm.errors import GaleraError, PartsError
from farm.galera import Account, ConflictError, Node, NodeLostError
from farm.load.check import Parts
from farm.load.manners import Manners
from farm.load.progress import Progress
from farm.load.sql import Statements
from farm.load.table import require_declared

_CONFLICTS, _LOSSES = 12, 6
"""A chunk that met so many conflicts, or a load that lost so many nodes, is given up."""


@dataclass
class Merged:
    """What became of the rows so far, and how far the merge is."""

    node: str = ""
    """The last node that was written to."""
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    guarded: list[str] = field(default_factory=list)
    """Keys of rows that the table has further than the parts."""
    absent: list[str] = field(default_factory=list)
    """Keys that the table lacks, under mode update."""
    conflicts: int = 0
    place: str = ""
    """The last key that was merged."""

    @property
    def rows(self) -> int:
        return self.inserted + self.updated + self.unchanged + len(self.guarded) + len(self.absent)


def statements(parts: Parts, account: Account) -> Statements:
    return Statements(parts.survey, account.zeros, same_window=parts.window == account.window)


def merge(parts: Parts, account: Account, max_rate: float | None = None) -> Merged:
    """Load the parts, ``max_rate`` rows a second at most; goes on at another node where one is lost.

    Raises GaleraError where no node is left, or where the table is not as declared.
    """
    merged, say = Merged(), Progress("merge", parts.rows).note
    with Manners(account, max_rate, say) as manners:
        for _ in range(_LOSSES):
            with manners.connect() as node:
                merged.node = node.address
                try:
                    require_declared(node, account, parts.survey)
                    _stage(node, parts, statements(parts, account))
                    _merge(node, parts.rows, account, statements(parts, account), merged, manners)
                except NodeLostError as error:
                    say(f"{error}: going on at another node")
                else:
                    return merged
    raise GaleraError(f"the load lost its node {_LOSSES} times: see to the cluster, then run this again")


def _stage(node: Node, parts: Parts, sql: Statements) -> None:
    progress = Progress("stage", parts.rows)
    node.execute(sql.stage)
    for part in parts.parts:
        try:
            rows = node.load(sql.fill, part.csv)
        except NodeLostError:
            raise
        except GaleraError as error:
            raise PartsError(f"{part.csv} cannot be staged, and nothing of it was loaded: {error}") from None
        if rows != part.manifest.objects:
            raise PartsError(f"{rows} rows of {part.csv} were staged, its manifest says {part.manifest.objects}")
        progress.add(rows)
    node.commit()
    progress.done()


def _merge(node: Node, rows: int, account: Account, sql: Statements, merged: Merged, manners: Manners) -> None:
    progress = Progress("merge", rows)
    progress.rows = merged.rows
    begun = time.monotonic()
    while (last := node.rows(sql.next_key, (merged.place, manners.rows))[0][0]) is not None:
        _patiently(node, sql, account.mode == "upsert", last, merged)
        chunk = merged.rows - progress.rows
        progress.add(chunk)
        manners.pace(chunk, time.monotonic() - begun)
        begun = time.monotonic()
    progress.done()


def _patiently(node: Node, sql: Statements, insert: bool, last: str, merged: Merged) -> None:
    """Merge a chunk; again where it lost against other transactions."""
    for attempt in range(_CONFLICTS):
        try:
            _chunk(node, sql, insert, last, merged)
        except ConflictError:
            node.rollback()
            merged.conflicts += 1
            time.sleep(random.uniform(0.5, 1) * min(0.02 * 2**attempt, 1))
        else:
            return
    raise GaleraError(
        f"rows up to {last} met {_CONFLICTS} conflicts with other writers at {node.address}; what was merged before"
        " stays. Run this again when they are done"
    )


def _chunk(node: Node, sql: Statements, insert: bool, last: str, merged: Merged) -> None:
    bounds = (merged.place, last)
    total, present, guarded = (int(number) for number in node.rows(sql.count, bounds)[0])
    guarded_keys = [key for (key,) in node.rows(sql.guarded_keys, bounds)] if guarded else []
    absent_keys = [key for (key,) in node.rows(sql.absent_keys, bounds)] if total > present and not insert else []
    updated = node.execute(sql.update, bounds) if present > guarded else 0
    inserted = node.execute(sql.insert, bounds) if total > present and insert else 0
    node.commit()
    merged.inserted += inserted
    merged.updated += updated
    merged.unchanged += total - inserted - updated - len(guarded_keys) - len(absent_keys)
    merged.guarded += guarded_keys
    merged.absent += absent_keys
    merged.place = last
