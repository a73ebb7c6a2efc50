"""What is asked of Cassandra and what it answers: queries, and pages of rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

from numpy.typing import NDArray

FIRST_TOKEN, LAST_TOKEN = -(2**63), 2**63 - 1


@dataclass(frozen=True)
class Range:
    """Rows with low < token <= high, in the order of their tokens."""

    low: int
    high: int

    def split(self, parts: int) -> list["Range"]:
        """Ranges that together are this one, as even as can be; none is empty."""
        cuts = [self.low + (self.high - self.low) * part // parts for part in range(parts + 1)]
        return [Range(low, high) for low, high in pairwise(cuts) if low < high]


@dataclass(frozen=True)
class Keys:
    """Rows of these objects."""

    ids: tuple[Any, ...]


Query = Range | Keys


@dataclass(frozen=True)
class Request:
    """The page of a query that follows ``state``, of at most ``size`` rows."""

    query: Query
    state: bytes | None
    size: int


@dataclass(frozen=True, eq=False)
class Page:
    """Rows in the order of the table. No column is masked: a missing number is NaN, a missing text None."""

    ids: NDArray[Any]
    """Key of each row: objects (str) or int64."""
    columns: Mapping[str, NDArray[Any]]
    state: bytes | None
    """Where the next page begins; None after the last one."""

    def __len__(self) -> int:
        return len(self.ids)


class Reader(Protocol):
    """Reads pages of a table in the background."""

    @property
    def others(self) -> Mapping[str, "Reader"]:
        """Readers of the further tables, by name."""

    @property
    def nothing(self) -> Mapping[str, NDArray[Any]]:
        """The columns of a page without rows."""

    def fetch(self, request: Request, deliver: Callable[[Page | Exception], None]) -> None:
        """Ask for a page; ``deliver`` is called with it, perhaps by another thread, or with what went wrong.

        A ReadError is worth another try, any other exception is not.
        """

    def ids(self, tokens: Range) -> list[Any]:
        """The objects of a range, in the order of their tokens. Raises CassandraError."""

    def holds(self, query: Query) -> bool:
        """Whether the query has a row, asked in another way than ``fetch``. Raises CassandraError."""

    def token(self, object_id: Any) -> int:
        """The token of an object."""
