"""Old values of changed rows, put back: a load in the other direction, from what the load kept before each commit."""
# ruff: noqa: S608 - built of declared names alone

from base64 import b64decode
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import features
from farm.errors import InputError
from farm.galera import Account, connect
from farm.load.lock import Lock
from farm.load.merge import Merged, Work, merge
from farm.load.old_values import lines
from farm.load.place import Identity, Ledger, begun, dead
from farm.load.sql import FIELDS, STAGING, TABLE, Merge, name, names
from farm.load.stage import File
from farm.load.summary import SCHEMA
from features.declare import Feature


@dataclass(frozen=True)
class Undo(Merge):
    """Old values into the table, where the row is still no further than the load left it."""

    columns: tuple[str, ...]
    """Names of the columns that the load wrote, as they stand in its file of old values."""

    @property
    def guards(self) -> tuple[str, ...]:
        return tuple(f"farm_{each}" for each in self.survey.guard.columns)

    @cached_property
    def written(self) -> tuple[Feature, ...]:
        known = {each.name: each for each in self.survey.features}
        return tuple(known[each] for each in self.columns)

    def wanted(self, column: Feature) -> str:
        return f"s.{name(column.name)}"

    @property
    def stage(self) -> str:
        guards = ", ".join(
            f"{name(one)} AS {other}" for one, other in zip(self.survey.guard.columns, self.guards, strict=True)
        )
        return (
            f"CREATE TEMPORARY TABLE {STAGING} (PRIMARY KEY ({self.key})) ENGINE=InnoDB"
            f" SELECT {self.key}, {guards}, {names(self.written)} FROM {TABLE} WHERE FALSE"
        )

    @property
    def fill(self) -> str:
        """One file of ``old_values.lines``."""
        texts = {each.name: f"@v{at}" for at, each in enumerate(self.written) if each.width is not None}
        targets = ", ".join(("@k", *self.guards, *(texts.get(each.name, name(each.name)) for each in self.written)))
        values = {self.survey.key.name: "@k", **texts}
        sets = ", ".join(f"{name(each)} = CONVERT(UNHEX({value}) USING utf8)" for each, value in values.items())
        return f"LOAD DATA LOCAL INFILE %s INTO TABLE {STAGING} {FIELDS} ({targets}) SET {sets}"


def undo(places: Path, account: Account) -> dict[str, Any]:
    """Put back what the loads of these parts changed, the latest load first; returns the summary.

    Goes on where an undo was interrupted. Raises InputError where nothing was loaded, LockedError where another loader
    has the table, GaleraError where the old values cannot be put back.
    """
    loads = [each for each in reversed(begun(places)) if not (each.undo / "done").exists()]
    if not loads:
        raise InputError(f"nothing was loaded from {places.parent}, or all of it is undone already")
    if (environment := loads[0].identity.environment) != account.environment:
        raise InputError(
            f"{places.parent} was loaded into {environment}, and {account.file} is of {account.environment}"
        )
    todo = [(load, statements(load.identity)) for load in loads]
    undone = [_undo(places, load, sql, account) for load, sql in todo]
    totals = Counter[str]()
    for merged, inserted in undone:
        totals.update(
            rows=merged.rows, restored=merged.updated, unchanged=merged.unchanged, guarded=len(merged.guarded),
            gone=len(merged.absent), inserted=inserted, conflicts=merged.conflicts,
        )  # fmt: skip
    return {
        "schema": SCHEMA,
        "run": loads[0].identity.run,
        "environment": environment,
        "load": None,
        "undo": {
            "node": undone[-1][0].node,
            "loads": len(loads),
            **totals,
            "guarded_objects": [name for merged, _ in undone for name in merged.guarded],
            "gone_objects": [name for merged, _ in undone for name in merged.absent],
        },
        "ok": True,
    }


def statements(load: Identity) -> Undo:
    """The SQL that undoes a load. Raises InputError where it wrote a column that is declared no more."""
    survey = features.survey(load.survey)
    if gone := sorted({*load.columns} - {each.name for each in survey.features}):
        raise InputError(
            f"a load of run {load.run} wrote {', '.join(gone)}, which {survey.name} declares no more; nothing was"
            " undone: undo it with csv_to_database --undo of the release that loaded it"
        )
    return Undo(survey, load.same_window, load.columns)


def _undo(places: Path, load: Ledger, sql: Undo, account: Account) -> tuple[Merged, int]:
    """Undo one load; what became of the rows that it changed, and how many it inserted."""
    known = load.identity
    with connect(account) as node:
        lock = Lock(account, TABLE, load.id, known.run, dead(places))
        chunk = lock.take(node)
        if not load.done:
            load.settle_for_undo(chunk)  # old values of rows whose chunk was never committed are none
        ledger = Ledger(load.undo) if load.undone else Ledger.create(load.undo, known)
        lock = Lock(account, TABLE, ledger.id, known.run, dead(places))
        if chunk := lock.take(node):
            ledger.settle(chunk)
        else:
            ledger.restart()
    rows = load.undo / "rows.csv"
    what = Work(sql, (File(rows, _write(load.folder / "before", rows, sql)),), insert=False, step="undo")
    with lock.beating():
        merged = merge(what, account, ledger, lock)
    ledger.finish()
    return merged, load.place.inserted


def _write(before: Path, rows: Path, sql: Undo) -> int:
    """Write the old values as they are staged; returns how many rows there are."""
    number = 0
    with before.open("rb") as kept, rows.open("w", encoding="ascii") as file:
        for chunk in kept:
            for each in lines(b64decode(chunk), len(sql.guards), sql.written):
                number += 1
                file.write(each + "\n")
    return number
