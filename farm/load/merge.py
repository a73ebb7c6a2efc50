"""Files into the table: a group of them staged, merged in the order of its key, a chunk a transaction, guarded."""

import random
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace

from farm.errors import GaleraError
from farm.galera import Account, ConflictError, FullError, Node, NodeLostError
from farm.load.check import Parts
from farm.load.lock import Lock
from farm.load.manners import Manners
from farm.load.old_values import number
from farm.load.options import Options
from farm.load.place import Ledger, Place
from farm.load.progress import Progress
from farm.load.sql import Merge, Statements
from farm.load.stage import File, Group, groups, staged
from farm.load.table import require_declared

_CONFLICTS, _LOSSES = 12, 6
"""A chunk that met so many conflicts, or a load that lost so many nodes, is given up."""

Bounds = tuple[str | int, str | int]
"""Keys of a chunk: above the first, up to the second."""


@dataclass(frozen=True)
class Merged:
    """What became of the rows."""

    node: str = ""
    """The last node that was written to."""
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    guarded: list[str] = field(default_factory=list)
    """Keys of rows that the table has further than the parts."""
    absent: list[str] = field(default_factory=list)
    """Keys that the table lacks, where none is inserted."""
    conflicts: int = 0

    @property
    def rows(self) -> int:
        return self.inserted + self.updated + self.unchanged + len(self.guarded) + len(self.absent)


@dataclass(frozen=True)
class Work:
    """What is merged."""

    sql: Merge
    files: tuple[File, ...]
    insert: bool
    """Whether rows that the table lacks are inserted."""
    step: str
    """How the progress calls it."""

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)


def statements(parts: Parts, account: Account, options: Options = Options()) -> Statements:  # noqa: B008 - frozen
    same_window = parts.window == account.window
    return Statements(parts.survey, same_window, account.zeros, options.columns, options.keep_not_null)


def work(parts: Parts, account: Account, options: Options) -> Work:
    sql = statements(parts, account, options)
    files = tuple(File(part.csv, part.manifest.objects) for part in parts.parts)
    return Work(sql, files, account.mode == "upsert" and bool(sql.insert), "merge")


def merge(what: Work, account: Account, ledger: Ledger, lock: Lock, max_rate: float | None = None) -> Merged:
    """Merge what the ledger says is left, ``max_rate`` rows a second at most; at another node where one is lost.

    Raises GaleraError where no node is left or the table is not as declared, LockedError where the lock is lost.
    """
    say, full = Progress(what.step, what.rows).note, list[str]()
    with Manners(account, max_rate, say) as manners:
        for _ in range(_LOSSES):
            with manners.connect(besides=full[-1] if full else None) as node:
                try:
                    with manners.beside(node) as other:
                        _merge_at((node, other), what, account, ledger, lock, manners)
                except FullError as error:
                    full.append(node.address)
                    if {*full} >= {*account.hosts}:
                        raise GaleraError(f"{error}, nor at any other node: make room, then run this again") from None
                    say(f"{error}: going on at another node")
                except NodeLostError as error:
                    say(f"{error}: going on at another node")
                else:
                    return _merged(node.address, ledger)
    raise GaleraError(f"the load lost its node {_LOSSES} times: see to the cluster, then run this again")


def _merged(node: str, ledger: Ledger) -> Merged:
    place = ledger.place
    return Merged(
        node, place.inserted, place.updated, place.unchanged,
        ledger.keys("guarded"), ledger.keys("absent"), place.conflicts,
    )  # fmt: skip


def _merge_at(
    nodes: tuple[Node, Node], what: Work, account: Account, ledger: Ledger, lock: Lock, manners: Manners
) -> None:
    """Merge what is left, by two connections to one node."""
    require_declared(nodes[0], account, what.sql)
    ledger.settle(lock.take(nodes[0]))
    progress = Progress(what.step, what.rows)
    progress.rows = ledger.place.rows
    left = [each for each in groups(what.files) if each.behind > ledger.place.rows]
    with closing(staged(nodes, what.sql, left)) as coming:
        for node, group in coming:
            _merge(node, what, group, ledger, lock, manners, progress)
    progress.done()


def _merge(
    node: Node, what: Work, group: Group, ledger: Ledger, lock: Lock, manners: Manners, progress: Progress
) -> None:
    """Merge what is left of a group."""
    behind = what.sql.first_bound if ledger.place.rows == group.before else ledger.place.key
    begun = time.monotonic()
    while (last := node.rows(what.sql.next_key, (behind, manners.rows))[0][0]) is not None:
        ledger.place = _patiently(node, what, ledger, lock, (behind, last))
        rows = ledger.place.rows - progress.rows
        progress.add(rows)
        manners.pace(node, rows, time.monotonic() - begun)
        behind, begun = last, time.monotonic()


def _patiently(node: Node, what: Work, ledger: Ledger, lock: Lock, bounds: Bounds) -> Place:
    """Merge a chunk; again where it lost against other transactions."""
    for attempt in range(_CONFLICTS):
        try:
            place = _chunk(node, what, ledger, lock, bounds)
        except ConflictError:
            node.rollback()
            ledger.place = replace(ledger.place, conflicts=ledger.place.conflicts + 1)
            time.sleep(random.uniform(0.5, 1) * min(0.02 * 2**attempt, 1))
        else:
            return place
    raise GaleraError(
        f"rows up to {bounds[1]} met {_CONFLICTS} conflicts with other writers at {node.address}; what was merged"
        " before stays. Run this again when they are done"
    )


def _chunk(node: Node, what: Work, ledger: Ledger, lock: Lock, bounds: Bounds) -> Place:
    """One transaction. Its place, and the old values of the rows that it changes, are on disk before its commit."""
    sql, was = what.sql, ledger.place
    *counts, old = node.rows(sql.look, bounds)[0]
    total, there, guarded, changed = map(int, counts)
    update = sql.update_every if changed == there else sql.update
    guarded_keys = _keys(node, sql.guarded_keys, bounds) if guarded else []
    absent_keys = [] if what.insert or total == there else _keys(node, sql.absent_keys, bounds)
    with ThreadPoolExecutor(1, "keep") as pool:  # the disk is as slow as the server: both at once
        kept = pool.submit(_keep, ledger, node.address, sql, (changed, old), guarded_keys, absent_keys)
        updated = node.execute(update, bounds) if changed else 0
        inserted = node.execute(sql.insert, bounds) if total > there and what.insert else 0
    lock.step(node, was.chunk + 1)
    place = ledger.prepare(
        replace(
            was,
            chunk=was.chunk + 1,
            key=bounds[1],
            inserted=was.inserted + inserted,
            updated=was.updated + updated,
            unchanged=was.unchanged + there - guarded - updated,
            guarded=was.guarded + guarded,
            absent=was.absent + len(absent_keys),
            sizes=kept.result(),
        )
    )
    node.commit()
    return place


def _keys(node: Node, sql: str, bounds: Bounds) -> list[bytes]:
    return [str(key).encode() for (key,) in node.rows(sql, bounds)]


def _keep(
    ledger: Ledger, address: str, sql: Merge, old: tuple[int, bytes | None], guarded: list[bytes], absent: list[bytes]
) -> tuple[int, ...]:
    """Bring to the disk what a chunk adds to the lists; ``old``: how many rows change, and what they held."""
    changed, values = old
    if values is not None and number(values, len(sql.guards), sql.written) != changed:
        raise GaleraError(
            f"{address} hands over the old values of {changed} rows cut short: raise its max_allowed_packet (16M"
            " is enough), then run this again"
        )
    return ledger.keep(([] if values is None else [b64encode(values)], guarded, absent))
