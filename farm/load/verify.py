"""Every row of the parts, read back from another node than the one that was written to, and compared."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from farm.errors import GaleraError
from farm.galera import Account, ConflictError, Node, NodeLostError, connect
from farm.load.check import Batch, Parts, read
from farm.load.columns import Bools, Values, differing, distance, parse
from farm.load.guard import further
from farm.load.merge import statements
from farm.load.progress import Progress
from farm.load.sql import Statements

BATCH = 900
"""From 1,000 names on, MariaDB may plan the query as a join."""
_LOSSES = 3


@dataclass(frozen=True)
class Worst:
    """The value that is furthest from the part's."""

    object: str
    column: str
    part: str
    table: str
    distance: float
    """Relative; infinite for text and for NULL."""


@dataclass
class Verified:
    """Rows that were read and are ``equal``, ``guarded`` or ``differing``, and those that the table lacks."""

    node: str = ""
    equal: int = 0
    guarded: int = 0
    """Rows that differ because the table has them further than the parts."""
    differing: int = 0
    missing: int = 0
    columns: Counter[str] = field(default_factory=Counter)
    """In how many of the differing rows a column differs."""
    worst: Worst | None = None

    @property
    def compared(self) -> int:
        return self.equal + self.guarded + self.differing


def verify(parts: Parts, account: Account, writer: str | None) -> Verified:
    """Read every row back from a node other than ``writer`` (None: any), having waited for what it still has to apply.

    Raises GaleraError where no such node is left.
    """
    for _ in range(_LOSSES):
        verified = Verified()
        with connect(account, besides=writer) as node:
            verified.node = node.address
            try:
                node.execute("SET SESSION wsrep_sync_wait = 1")
                _verify(node, parts, account, verified)
            except (NodeLostError, ConflictError) as error:
                Progress("verify", parts.rows).note(f"{error}: reading from another node")
            else:
                return verified
    raise GaleraError(
        f"reading back lost its node {_LOSSES} times. The rows are loaded; compare them later with csv_to_database"
        " --verify-only"
    )


def _verify(node: Node, parts: Parts, account: Account, verified: Verified) -> None:
    sql = statements(parts, account)
    progress = Progress("verify", parts.rows)
    for part in parts.parts:
        for batch in read(part.csv, parts.survey, BATCH):
            _compare(node, batch, account.zeros == "null", sql, verified)
            progress.add(batch.size)
    progress.done()


def _compare(node: Node, batch: Batch, no_zeros: bool, sql: Statements, verified: Verified) -> None:
    keys = batch.values[sql.survey.key.name].data.tolist()
    found, there = _table(node, keys, sql)
    wanted = {
        column.name: _take(values.without_zeros() if no_zeros else values, there)
        for column, values in zip(sql.survey.columns, batch.values.values(), strict=True)
    }
    differs = {name: differing(values, found[name]) for name, values in wanted.items()}
    anywhere = np.logical_or.reduce(list(differs.values()))
    guarded = anywhere & further(found, wanted, sql.same_window)
    wrong = anywhere & ~guarded
    verified.missing += len(keys) - len(there)
    verified.equal += int((~anywhere).sum())
    verified.guarded += int(guarded.sum())
    verified.differing += int(wrong.sum())
    if wrong.any():
        _blame(wanted, found, {name: where & wrong for name, where in differs.items()}, sql.survey.key.name, verified)


def _table(node: Node, keys: Sequence[Any], sql: Statements) -> tuple[dict[str, Values], list[int]]:
    """The table's columns for those of ``keys`` that it has, and where these stand in ``keys``."""
    rows = [row for some in node.texts(sql.read(len(keys)), keys, len(keys)) for row in some]
    columns = list(zip(*rows, strict=True)) or [()] * len(sql.survey.columns)
    found = {column.name: parse(column.sql, texts) for column, texts in zip(sql.survey.columns, columns, strict=True)}
    place = {key: at for at, key in enumerate(keys)}
    return found, [place[key] for key in found[sql.survey.key.name].data.tolist()]


def _take(values: Values, rows: list[int]) -> Values:
    return Values(values.data[rows], values.null[rows])


def _blame(
    part: dict[str, Values], table: dict[str, Values], wrong: dict[str, Bools], key: str, verified: Verified
) -> None:
    for name, where in wrong.items():
        rows = np.flatnonzero(where).tolist()
        verified.columns[name] += len(rows)
        for row in rows:
            far = distance(part[name], table[name], row)
            if verified.worst is None or far > verified.worst.distance:
                verified.worst = Worst(part[key].at(row), name, part[name].at(row), table[name].at(row), far)
    verified.columns += Counter()
