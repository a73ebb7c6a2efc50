"""Files into the table: a temporary staging table, merged in the order of its key, a chunk a transaction, guarded."""

import random
import time
from base64 import b64encode
from dataclasses import dataclass, field, replace
from pathlib import Path

from farm.errors import GaleraError, PartsError
from farm.galera import Account, ConflictError, FullError, Node, NodeLostError
from farm.load.check import Parts
from farm.load.lock import Lock
from farm.load.manners import Manners
from farm.load.options import Options
from farm.load.place import Ledger, Place
from farm.load.progress import Progress
from farm.load.sql import Merge, Statements
from farm.load.table import require_declared

_CONFLICTS, _LOSSES = 12, 6
"""A chunk that met so many conflicts, or a load that lost so many nodes, is given up."""


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
    """What is merged: files of staged rows, each with its number of rows."""

    sql: Merge
    files: tuple[tuple[Path, int], ...]
    insert: bool
    """Whether rows that the table lacks are inserted."""
    step: str
    """How the progress calls it."""

    @property
    def rows(self) -> int:
        return sum(rows for _, rows in self.files)


def statements(parts: Parts, account: Account, options: Options = Options()) -> Statements:  # noqa: B008 - frozen
    same_window = parts.window == account.window
    return Statements(parts.survey, same_window, account.zeros, options.columns, options.keep_not_null)


def work(parts: Parts, account: Account, options: Options) -> Work:
    sql = statements(parts, account, options)
    files = tuple((part.csv, part.manifest.objects) for part in parts.parts)
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
                    _merge_at(node, what, account, ledger, lock, manners)
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


def _merge_at(node: Node, what: Work, account: Account, ledger: Ledger, lock: Lock, manners: Manners) -> None:
    """Merge what is left at one node."""
    require_declared(node, account, what.sql)
    ledger.settle(lock.take(node))
    if ledger.place.rows < what.rows:
        _stage(node, what)
        _merge(node, what, ledger, lock, manners)


def _stage(node: Node, what: Work) -> None:
    progress = Progress("stage", what.rows)
    node.execute(what.sql.stage)
    for file, wanted in what.files:
        try:
            rows = node.load(what.sql.fill, file)
        except NodeLostError:
            raise
        except GaleraError as error:
            raise PartsError(f"{file} cannot be staged, and nothing of it was loaded: {error}") from None
        if rows != wanted:
            raise PartsError(f"{rows} rows of {file} were staged, where {wanted} stand in it")
        progress.add(rows)
    node.commit()
    progress.done()


def _merge(node: Node, what: Work, ledger: Ledger, lock: Lock, manners: Manners) -> None:
    progress = Progress(what.step, what.rows)
    progress.rows = ledger.place.rows
    begun = time.monotonic()
    while (last := node.rows(what.sql.next_key, (ledger.place.key, manners.rows))[0][0]) is not None:
        ledger.place = _patiently(node, what, ledger, lock, last)
        rows = ledger.place.rows - progress.rows
        progress.add(rows)
        manners.pace(rows, time.monotonic() - begun)
        begun = time.monotonic()
    progress.done()


def _patiently(node: Node, what: Work, ledger: Ledger, lock: Lock, last: str) -> Place:
    """Merge a chunk; again where it lost against other transactions."""
    for attempt in range(_CONFLICTS):
        try:
            place = _chunk(node, what, ledger, lock, last)
        except ConflictError:
            node.rollback()
            ledger.place = replace(ledger.place, conflicts=ledger.place.conflicts + 1)
            time.sleep(random.uniform(0.5, 1) * min(0.02 * 2**attempt, 1))
        else:
            return place
    raise GaleraError(
        f"rows up to {last} met {_CONFLICTS} conflicts with other writers at {node.address}; what was merged before"
        " stays. Run this again when they are done"
    )


def _chunk(node: Node, what: Work, ledger: Ledger, lock: Lock, last: str) -> Place:
    """One transaction. Its place, and the old values of the rows that it changes, are on disk before its commit."""
    sql, was = what.sql, ledger.place
    bounds = (was.key, last)
    total, there, guarded, changed = (int(number) for number in node.rows(sql.count, bounds)[0])
    before, update = (sql.before_every, sql.update_every) if changed == there else (sql.before, sql.update)
    old_values = node.texts(before, bounds) if changed and before else ()
    kept = [b64encode(row) for rows in old_values for (row,) in rows]
    guarded_keys = [key for (key,) in node.rows(sql.guarded_keys, bounds)] if guarded else []
    updated = node.execute(update, bounds) if changed else 0
    inserted = node.execute(sql.insert, bounds) if total > there and what.insert else 0
    absent_keys = [] if what.insert or total == there else [key for (key,) in node.rows(sql.absent_keys, bounds)]
    lock.step(node, was.chunk + 1)
    place = ledger.prepare(
        replace(
            was,
            chunk=was.chunk + 1,
            key=last,
            inserted=was.inserted + inserted,
            updated=was.updated + updated,
            unchanged=was.unchanged + there - guarded - updated,
            guarded=was.guarded + guarded,
            absent=was.absent + len(absent_keys),
        ),
        (kept, map(str.encode, guarded_keys), map(str.encode, absent_keys)),
    )
    node.commit()
    return place
