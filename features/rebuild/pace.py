"""Manners to a living Cassandra: how many reads at a time, how large, and how soon. Pure: the time is given."""

from dataclasses import dataclass, field

SMALLEST_PAGE = 100
WAITS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0)
"""Seconds before each further try of a read that failed; after the last one it has failed for good."""
SLOW = 4.0
"""A read that takes so many times the usual is a sign that Cassandra has enough to do."""
CALM = 8
"""Good answers in a row after which one more read, and a larger page, is tried again."""


@dataclass
class Pace:
    """Reads in flight and rows a page: halved when a read fails, one fewer when reads get slow, regained when calm."""

    most_reads: int
    largest_page: int
    rows_per_second: float | None
    """None: no limit."""
    reads: int = field(init=False)
    page: int = field(init=False)
    _calm: int = 0
    _usual: float = 0.0
    _free_at: float = 0.0

    def __post_init__(self) -> None:
        self.reads, self.page = self.most_reads, self.largest_page

    def answered(self, now: float, seconds: float, rows: int) -> None:
        """A read took ``seconds`` and brought ``rows``."""
        if self.rows_per_second:
            self._free_at = max(self._free_at, now) + rows / self.rows_per_second
        slow = self._usual > 0 and seconds > SLOW * self._usual
        self._usual += (seconds - self._usual) * (0.1 if self._usual else 1.0)
        if slow:
            self.reads = max(1, self.reads - 1)
            self._calm = 0
            return
        self._calm += 1
        if self._calm >= CALM:
            self._calm = 0
            self.reads = min(self.most_reads, self.reads + 1)
            self.page = min(self.largest_page, 2 * self.page)

    def failed(self) -> None:
        """A read timed out, or no node was there."""
        self._calm = 0
        self.reads = max(1, self.reads // 2)
        self.page = max(min(SMALLEST_PAGE, self.largest_page), self.page // 2)

    def wait(self, now: float) -> float:
        """Seconds until the limit of rows a second allows another read."""
        return max(0.0, self._free_at - now)
