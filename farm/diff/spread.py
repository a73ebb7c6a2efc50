"""How the values of one feature are spread on both sides, in bins that do not grow with the rows. Pure."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farm.load.columns import Values

BINS = 40
_TAIL = 0.002
_FIRST = 5_000
"""Values that say over which the bins reach."""

Reals = NDArray[np.float64]


@dataclass
class Spread:
    """What lies beyond the reach of the first values is counted in the outermost bins."""

    low: float = 0.0
    high: float = 0.0
    table: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))
    run: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))
    _waiting: list[tuple[Reals, Reals]] = field(default_factory=list)
    _waits: int = 0

    def add(self, table: Values | None, run: Values) -> None:
        """Count the values that are not NULL; ``table`` None: only those of the run are at hand."""
        sides = (_valued(table) if table else np.empty(0), _valued(run))
        self._waiting.append(sides)
        self._waits += sum(map(len, sides))
        if self.low < self.high or self._waits >= _FIRST:
            self._count()

    def as_json(self) -> dict[str, Any] | None:
        """None where there was no value."""
        self._count()
        if self.low == self.high:
            return None
        return {"low": self.low, "high": self.high, "table": self.table.tolist(), "run": self.run.tolist()}

    def _count(self) -> None:
        if not self._waits:
            return
        table, run = (np.concatenate(side) for side in zip(*self._waiting, strict=True))
        self._waiting, self._waits = [], 0
        if self.low == self.high:
            low, high = (float(each) for each in np.quantile(np.concatenate([table, run]), (_TAIL, 1 - _TAIL)))
            self.low, self.high = (low, high) if low < high else (low - 0.5, low + 0.5)
        self.table += self._binned(table)
        self.run += self._binned(run)

    def _binned(self, values: Reals) -> NDArray[np.int64]:
        places = np.floor((values - self.low) / (self.high - self.low) * BINS).clip(0, BINS - 1)
        return np.bincount(places.astype(np.int64), minlength=BINS)


def _valued(side: Values) -> Reals:
    values: Reals = side.data[~side.null].astype(np.float64)
    return values
