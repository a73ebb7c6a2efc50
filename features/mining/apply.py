"""A function over a batch of light curves: its rows as a table, its errors by kind. A pure core, but for the clock."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from features.curves import LightCurves
from features.mining import errors, table
from features.mining.declare import Miner, each
from features.mining.errors import Kind

Watch = Callable[[int, int], AbstractContextManager[None]]
"""Told which objects of the batch (from, to) the function is given now; raises LateError in it when that takes long."""


@dataclass
class Applied:
    """What a function made of a batch."""

    rows: pa.Table | None
    """None where there was nothing to infer a schema from."""
    kinds: list[Kind]
    failed: int
    """Objects."""
    given: int
    """Objects that the function was given, of those of the batch."""


@dataclass
class Applier:
    """Applies a function to batch after batch; without a schema, the first rows' types become it."""

    miner: Miner
    script: Path
    key: str
    watch: Watch
    schema: pa.Schema | None
    until: float | None = None
    """On the monotonic clock: from then on no object is begun."""
    _left: int = 0
    """Objects that were not begun."""
    _kinds: list[Kind] = field(default_factory=list)

    def __call__(self, curves: LightCurves) -> Applied:
        self._kinds, self._left = [], 0
        if self.miner.each == "batch":
            found = [rows for _, rows in self._halved(curves, 0, len(curves))]
        else:
            found = list(self._one_by_one(curves))
        rows = [row for rows in found for row in rows]
        if self.schema is None and rows:
            self.schema = table.schema(self.key, curves.object_id.dtype, table.inferred(rows, self.key))
        made = self._table(found) if self.schema is not None else None
        kinds = errors.merged(self._kinds)
        return Applied(made, kinds, sum(kind.count for kind in kinds), len(curves) - self._left)

    def _one_by_one(self, curves: LightCurves) -> Iterator[list[table.Row]]:
        for at, curve in enumerate(each(curves)):
            if self._over():
                self._left = len(curves) - at
                return
            try:
                with self.watch(at, at + 1):
                    rows: list[table.Row] = [{self.key: curve.id, **row} for row in self.miner(curve) or ()]
            except BaseException as error:  # whatever it raises, also sys.exit and what compiled code panics with
                self._kinds.append(errors.of(curve.id, error, self.script))
            else:
                yield rows

    def _halved(self, curves: LightCurves, low: int, high: int) -> Iterator[tuple[int, list[table.Row]]]:
        """The rows of the objects from ``low`` to ``high``; where the function raises, those of each half."""
        if self._over():
            self._left += high - low
            return
        part = curves if high - low == len(curves) else curves.take(slice(low, high))
        try:
            with self.watch(low, high):
                rows = [self._keyed(row, part) for row in self.miner(part) or ()]
        except BaseException as error:
            if high - low <= 1:
                self._kinds.append(errors.of(curves.object_id[low], error, self.script))
                return
        else:
            yield low, rows
            return
        yield from self._halved(curves, low, (low + high) // 2)
        yield from self._halved(curves, (low + high) // 2, high)

    def _over(self) -> bool:
        return self.until is not None and time.monotonic() > self.until

    def _keyed(self, row: table.Row, curves: LightCurves) -> table.Row:
        """With the key, which arrays of one value an object may leave out."""
        if self.key in row:
            return row
        if not table.is_many(row):
            raise KeyError(f"a row of a batch has no {self.key}: yield it, or arrays of one value an object")
        length = len(next(iter(row.values())))
        if length != len(curves):
            raise ValueError(f"arrays of {length} values without {self.key}, for {len(curves)} objects")
        return {self.key: curves.object_id, **row}

    def _table(self, found: list[list[table.Row]]) -> pa.Table:
        """All rows; where a value does not fit, the object whose it is has failed, and the others' rows stay."""
        assert self.schema is not None
        try:
            return table.table([row for rows in found for row in rows], self.schema)
        except (pa.ArrowException, ValueError, TypeError, KeyError):
            kept = [made for rows in found if (made := self._fitting(rows)) is not None]
        return pa.concat_tables([self.schema.empty_table(), *kept])

    def _fitting(self, rows: list[table.Row]) -> pa.Table | None:
        assert self.schema is not None
        try:
            return table.table(rows, self.schema)
        except (pa.ArrowException, ValueError, TypeError, KeyError) as error:
            if self.miner.each == "batch" and len(rows) > 1:
                fitting = [made for row in rows if (made := self._fitting([row])) is not None]
                return pa.concat_tables(fitting) if fitting else None
            self._kinds.append(errors.of(self._named(rows[0]), error, self.script))
            return None

    def _named(self, row: table.Row) -> Any:
        """Whose row it is; of many, the first one's."""
        return row[self.key][0] if table.is_many(row) else row[self.key]
