"""Counts of one feature over batches of rows, in memory that does not grow with the rows. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from farm.diff.result import FeatureDiff, Move
from farm.diff.spread import Spread
from farm.load.columns import Bools, Values, differing
from features.declare import Feature
from features.diff import relative

_DECADES, _STEPS = 18, 100
_BINS = _DECADES * _STEPS + 32
"""A hundred bins a decade of the relative difference, from 1e-18 to its greatest, 2."""


@dataclass
class Tally:
    """``worst``: how many objects are named."""

    feature: Feature
    worst: int
    moved: int = 0
    to_null: int = 0
    from_null: int = 0
    valued: int = 0
    """Rows in which the table has a value."""
    greatest: float = 0.0
    _sizes: NDArray[np.int64] = field(default_factory=lambda: np.zeros(_BINS, np.int64))
    _worst: list[tuple[float, Move]] = field(default_factory=list)
    _spread: Spread = field(default_factory=Spread)

    def add(self, keys: Sequence[str], table: Values, run: Values, guarded: Bools) -> Bools:
        """Count n rows; returns which of them change. ``guarded`` ones do not."""
        self.valued += int((~table.null).sum())
        differs = differing(table, run) & ~guarded
        nulls = differs & (table.null | run.null)
        moved = differs & ~nulls
        size = np.zeros(len(keys))
        if self.feature.width is None:
            self._spread.add(table, run)
            size[moved] = relative(table.data[moved], run.data[moved])
            if self.feature.tolerance:
                moved &= size > self.feature.tolerance
            self._measure(size[moved])
        self.moved += int(moved.sum())
        self.to_null += int((nulls & run.null).sum())
        self.from_null += int((nulls & table.null).sum())
        size[nulls] = -1.0
        self._name(keys, table, run, size, moved | nulls)
        return moved | nulls

    def result(self) -> FeatureDiff:
        return FeatureDiff(
            self.feature.name,
            self.feature.tolerance,
            self.moved,
            self.to_null,
            self.from_null,
            self.greatest or None,
            self._median(),
            self.valued == 0,
            tuple(move for _, move in self._worst),
            self._spread.as_json(),
        )

    def _measure(self, sizes: NDArray[np.float64]) -> None:
        if len(sizes):
            self.greatest = max(self.greatest, float(sizes.max()))
            places = np.floor((np.log10(np.maximum(sizes, 1e-300)) + _DECADES) * _STEPS).astype(np.int64)
            self._sizes += np.bincount(places.clip(0, _BINS - 1), minlength=_BINS)

    def _median(self) -> float | None:
        """The geometric middle of the median's bin, which is never above the greatest."""
        total = int(self._sizes.sum())
        if not total:
            return None
        place = int(np.searchsorted(np.cumsum(self._sizes), (total + 1) // 2))
        return min(float(10 ** ((place + 0.5) / _STEPS - _DECADES)), self.greatest)

    def _name(self, keys: Sequence[str], table: Values, run: Values, size: NDArray[np.float64], changed: Bools) -> None:
        rows = np.flatnonzero(changed)
        if not len(rows) or not self.worst:
            return
        for row in rows[np.argsort(-size[rows], kind="stable")[: self.worst]].tolist():
            far = float(size[row])
            one, other = (None if side.null[row] else side.at(row) for side in (table, run))
            self._worst.append((far, Move(keys[row], one, other, far if far > 0 else None)))
        self._worst.sort(key=lambda each: -each[0])
        del self._worst[self.worst :]
