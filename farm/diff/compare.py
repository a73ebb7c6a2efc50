"""A run's parts beside the table, in one consistent view of one node that is only read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farm.diff.result import Diff
from farm.diff.tally import Tally
from farm.errors import GaleraError
from farm.galera import Account, ConflictError, Node, NodeLostError, connect
from farm.load import table
from farm.load.check import Batch, Parts, read
from farm.load.columns import parse
from farm.load.guard import further
from farm.load.progress import Progress
from farm.load.sql import LOOKUP, TABLE, name
from farm.parts import Part
from features.declare import Feature

_KEYS = 50_000
_LOSSES = 3
_VIEW = (
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
)


def compare(parts: Parts, account: Account, worst: int = 3) -> Diff:
    """What loading ``parts`` would change; ``worst`` objects are named a feature, and as many that are new or gone.

    Holds a few batches of rows, and the keys of the run. Raises PartsError for a part that the table cannot hold,
    GaleraError where no node can be read.
    """
    for _ in range(_LOSSES):
        with connect(account) as node:
            try:
                for statement in _VIEW:
                    node.execute(statement)
                return _Comparison(parts, account, node, worst).run()
            except (NodeLostError, ConflictError) as error:
                Progress("diff", parts.rows).note(f"{error}: beginning again")
    raise GaleraError(f"the comparison lost its node {_LOSSES} times: see to the cluster, then run this again")


@dataclass
class _Comparison:
    """One pass over the parts; ``missing``: the first keys that the table lacks."""

    parts: Parts
    account: Account
    node: Node
    worst: int
    new: int = 0
    changed: int = 0
    guarded: int = 0
    missing: list[str] = field(default_factory=list)
    keys: list[NDArray[np.bytes_]] = field(default_factory=list)

    def __post_init__(self) -> None:
        survey = self.parts.survey
        self._unknown = self.parts.unknown
        there = dict(table.columns(self.node, self.account))
        compared = [each for each in survey.columns if each.name in there and _alike(each, there[each.name])]
        self._sql = [(column.name, there[column.name]) for column in compared]
        self._tallies = {each.name: Tally(each, self.worst) for each in compared if each is not survey.key}
        self._lacking = tuple(column.name for column in survey.columns if column not in compared)
        if needed := {survey.key.name, *survey.guard.columns}.intersection(self._lacking):
            raise GaleraError(
                f"table {TABLE} at {self.node.address} lacks {', '.join(sorted(needed))}, without which no rows can be"
                f" compared: farm schema diff --inventory {self.account.environment}"
            )
        self._empty = not self.node.rows(f"SELECT 1 FROM {TABLE} LIMIT 1")  # noqa: S608

    def run(self) -> Diff:
        rows = self.parts.rows
        if self._empty:
            first = next((batch for part in self.parts.parts for batch in self._batches(part)), None)
            self._note_new(self._keys(first)[: self.worst] if first else [], rows)
        else:
            self._read()
        gone, gone_objects = self._gone()
        return Diff(
            run=self.parts.run,
            environment=self.parts.environment,
            window=self.parts.window,
            table_window=self.account.window,
            node=self.node.address,
            rows=rows,
            new=self.new,
            changed=self.changed,
            unchanged=rows - self.new - self.changed - self.guarded,
            guarded=self.guarded,
            gone=gone,
            unread=sum(len(part.manifest.unread) for part in self.parts.parts),
            new_objects=tuple(self.missing),
            gone_objects=gone_objects,
            features=tuple(tally.result() for tally in self._tallies.values()),
            lacking=self._lacking,
            unknown=self._unknown,
            as_lasair=self.parts.as_lasair,
        )

    def _read(self) -> None:
        progress = Progress("diff", self.parts.rows)
        for part in self.parts.parts:
            for batch in self._batches(part):
                self._add(batch)
                progress.add(batch.size)
        progress.done()

    def _batches(self, part: Part) -> Iterator[Batch]:
        return read(part.csv, self.parts.survey, LOOKUP)

    def _keys(self, batch: Batch) -> list[Any]:
        return list(batch.values[self.parts.survey.key.name].data.tolist())

    def _note_new(self, keys: Sequence[Any], number: int) -> None:
        self.missing += map(str, keys[: self.worst - len(self.missing)])
        self.new += number

    def _add(self, batch: Batch) -> None:
        keys = self._keys(batch)
        self.keys.append(_folded(keys))
        found, rows = table.lookup(self.node, self.parts.survey.key.name, self._sql, keys)
        if len(rows) < len(keys):
            present = set(rows)
            self._note_new([key for at, key in enumerate(keys) if at not in present], len(keys) - len(rows))
        if not rows:
            return
        both = {column: batch.values[column].take(rows) for column in found}
        guarded = further(self.parts.survey.guard, found, both, self.parts.window == self.account.window)
        names = [str(keys[row]) for row in rows]
        changed = np.zeros(len(rows), bool)
        for column, tally in self._tallies.items():
            zeroless = self.account.zeros == "null" and column in self.parts.survey.nullable
            wanted = both[column].without_zeros() if zeroless else both[column]
            if column in self._unknown:
                wanted = wanted.filled(found[column])
            changed |= tally.add(names, found[column], wanted, guarded)
        self.changed += int(changed.sum())
        self.guarded += int(guarded.sum())

    def _gone(self) -> tuple[int | None, tuple[str, ...]]:
        """Rows of the table that a run of the whole ring lacks, and the first of them."""
        if any(part.manifest.range is None for part in self.parts.parts):
            return None, ()
        if self._empty:
            return 0, ()
        unread = [key for part in self.parts.parts for key in part.manifest.unread]
        known = np.sort(np.concatenate([*self.keys, _folded(unread)]))
        number, first = 0, list[str]()
        for keys in self._table_keys():
            lacking = np.flatnonzero(~_within(_folded(keys), known))
            number += len(lacking)
            first += [keys[at] for at in lacking[: self.worst - len(first)].tolist()]
        return number, tuple(first)

    def _table_keys(self) -> Iterator[list[str]]:
        key = name(self.parts.survey.key.name)
        for rows in self.node.texts(f"SELECT {key} FROM {TABLE} ORDER BY {key}", size=_KEYS):  # noqa: S608
            yield [bytes(field).decode() for (field,) in rows]


def _alike(column: Feature, sql: str) -> bool:
    """Whether a column of the table is text or a number as it is declared."""
    return (parse(sql, []).data.dtype == object) == (column.width is not None)


def _folded(keys: Sequence[Any]) -> NDArray[np.bytes_]:
    """Keys as the table's collation compares names of objects."""
    return np.array([table.folded(str(key)).encode() for key in keys], dtype="S") if keys else np.empty(0, "S1")


def _within(keys: NDArray[np.bytes_], known: NDArray[np.bytes_]) -> NDArray[np.bool_]:
    """Which ``keys`` stand in ``known``, which is sorted."""
    if not len(known):
        return np.zeros(len(keys), bool)
    place = np.searchsorted(known, keys).clip(max=len(known) - 1)
    found: NDArray[np.bool_] = known[place] == keys
    return found
