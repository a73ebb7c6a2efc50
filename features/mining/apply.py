"""A function over a batch of light curves: its rows as tables, its errors by kind. A pure core, but for the clock."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from features.curves import LightCurves
from features.mining import blocks, convert, errors
from features.mining.blocks import Block, Row
from features.mining.declare import Miner, each, given
from features.mining.errors import Kind

Watch = Callable[[int, int], AbstractContextManager[None]]
"""Told which objects of the batch (from, to) the function is given now; raises LateError in it when that takes long."""


@dataclass
class Applied:
    """What a function made of a batch."""

    rows: list[pa.Table]
    """Of one schema where it is known; else each of types of its own."""
    kinds: list[Kind]
    failed: int
    """Objects."""
    given: int
    """Objects that the function was given, of those of the batch; the others follow them."""
    spent: tuple[int, int] | None
    """The objects (from, to) for which memory ran out, to be tried again in a fresh process, as all that follow."""


@dataclass
class Applier:
    """Applies a function to batch after batch."""

    miner: Miner
    script: Path
    key: str
    watch: Watch
    until: float | None = None
    """On the monotonic clock: from then on no object is begun."""
    _left: int = 0
    """Objects that were not begun."""
    _failed: dict[Any, Kind] = field(default_factory=dict)
    """The first error of each object."""
    _spent: tuple[int, int] | None = None
    _fresh: bool = True
    """Whether nothing has been given to the function in this process."""

    def __call__(self, curves: LightCurves, schema: pa.Schema | None) -> Applied:
        self._failed, self._left, self._spent = {}, 0, None
        curves = given(curves)
        found = self._halved(curves, 0, len(curves)) if self.miner.each == "batch" else self._one_by_one(curves)
        tables, unfit = convert.fitted(found, schema, self.key)
        for name, error in unfit:
            self._fail(name, error)
        if unfit:
            tables = [convert.without(rows, {name for name, _ in unfit}) for rows in tables]
        if schema is not None and tables:
            tables = [pa.concat_tables(tables)]
        done = self._spent[0] if self._spent else len(curves) - self._left
        return Applied(tables, errors.merged([*self._failed.values()]), len(self._failed), done, self._spent)

    def _one_by_one(self, curves: LightCurves) -> list[Block]:
        rows = list[Row]()
        for at, curve in enumerate(each(curves)):
            if self._over():
                self._left = len(curves) - at
                break
            try:
                with self.watch(at, at + 1):
                    found = blocks.of_one(self.miner(curve), self.key, curve.id)
            except BaseException as error:  # whatever it raises, also sys.exit and what compiled code panics with
                self._fault(curves, at, at + 1, error)
                if self._spent:
                    break
            else:
                rows += found
            self._fresh = False
        return [blocks.Rows(rows)] if rows else []

    def _halved(self, curves: LightCurves, low: int, high: int) -> list[Block]:
        """The rows of the objects from ``low`` to ``high``; where the function raises, those of each half."""
        if self._spent:
            return []
        if self._over():
            self._left += high - low
            return []
        part = curves.take(slice(low, high))
        try:
            with self.watch(low, high):
                return [*blocks.of_many(self.miner(part), self.key, part)]
        except BaseException as error:
            self._fault(curves, low, high, error)
            if self._spent or high - low <= 1:
                return []
        finally:
            self._fresh = False
        middle = (low + high) // 2
        return [*self._halved(curves, low, middle), *self._halved(curves, middle, high)]

    def _fault(self, curves: LightCurves, low: int, high: int, error: BaseException) -> None:
        """What a call for these objects has raised. Only in a fresh process a lack of memory is an object's own."""
        own = high - low <= 1 and (self._fresh or not isinstance(error, MemoryError))
        if own:
            self._fail(curves.object_id[low], error)
        if isinstance(error, MemoryError):
            self._spent = (high, high) if own else (low, high)

    def _fail(self, name: Any, error: BaseException) -> None:
        self._failed.setdefault(name, errors.of(name, error, self.script))

    def _over(self) -> bool:
        return self.until is not None and time.monotonic() > self.until
