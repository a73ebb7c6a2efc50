"""How long tasks may take by how long the others took. Pure."""

import re
from heapq import heappush, heappushpop

ENOUGH = 3
"""Tasks that must be done until their median says something."""


def percent(text: str) -> float:
    """``300%``. Raises ValueError for what is no percentage above 100."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)%", text.strip())
    if not match or float(match[1]) <= 100:
        raise ValueError(f"{text!r} is no share of the median: write 300%, and more than 100%")
    return float(match[1])


class Pace:
    """A limit of some percent of the median wall time of the tasks that are done. Each task costs O(log n)."""

    def __init__(self, percent: float) -> None:
        self.percent = percent
        self._lower: list[float] = []
        """The smaller half, negated: a heap with the largest of them first."""
        self._upper: list[float] = []

    def add(self, seconds: float) -> None:
        if len(self._lower) == len(self._upper):
            heappush(self._lower, -heappushpop(self._upper, seconds))
        else:
            heappush(self._upper, -heappushpop(self._lower, -seconds))

    @property
    def limit(self) -> float | None:
        """Seconds; None while too few tasks are done."""
        if len(self._lower) + len(self._upper) < ENOUGH:
            return None
        level = len(self._lower) == len(self._upper)
        median = (self._upper[0] - self._lower[0]) / 2 if level else -self._lower[0]
        return median * self.percent / 100
