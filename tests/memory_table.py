"""A table of detections in memory, read as Cassandra's is: in pages that end anywhere, with failures.

A range comes in the order of the tokens; what is asked for by name in the order of the names, as Cassandra has ``IN``.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from cassandra.metadata import Murmur3Token
from numpy.typing import NDArray

from features.rebuild.errors import CassandraError, ReadError
from features.rebuild.pages import Keys, Page, Query, Range, Request


@dataclass
class MemoryTable:
    """``pages.Reader`` of light curves in memory."""

    curves: dict[str, int]
    """Rows of each object."""
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)
    """All rows, in the order of the tokens; without them jd counts an object's rows, and candid all."""
    poisoned: set[str] = field(default_factory=set)
    """Objects whose rows no read gets past."""
    failures: int = 0
    """Reads that fail before they succeed."""
    lost: bool = False
    """Whether they fail because no node is there."""
    silent: bool = False
    """Whether pages come without rows, as with a driver that does not fit NumPy."""
    others: dict[str, "MemoryTable"] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)
    most_at_once: int = 0
    _at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        ordered = sorted(self.curves, key=self.token)
        self.names: NDArray[Any] = np.repeat(np.array(ordered, dtype=object), [self.curves[name] for name in ordered])
        if not self.columns:
            jd = np.concatenate([np.arange(self.curves[name], dtype=float) for name in ordered] or [np.empty(0)])
            self.columns = {"jd": jd, "candid": np.arange(len(jd))}
        self.tokens = np.array([self.token(name) for name in self.names], dtype=np.int64)

    @property
    def nothing(self) -> dict[str, NDArray[Any]]:
        return {name: values[:0] for name, values in self.columns.items()}

    def token(self, object_id: str) -> int:
        return int(Murmur3Token.hash_fn(object_id.encode()))

    def ids(self, tokens: Range) -> list[str]:
        return list(dict.fromkeys(self.names[self._rows(tokens)]))

    def holds(self, query: Query) -> bool:
        return len(self._rows(query)) > 0

    def fetch(self, request: Request, deliver: Callable[[Page | Exception], None]) -> None:
        with self._lock:
            self.asked.append(request)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        threading.Timer(0.001, lambda: self._answer(request, deliver)).start()

    def _answer(self, request: Request, deliver: Callable[[Page | Exception], None]) -> None:
        with self._lock:
            self._at_once -= 1
            failing = self.failures > 0
            self.failures -= failing
        if failing:
            deliver(ReadError("Cassandra is busy", self.lost))
            return
        rows = self._rows(request.query)
        first = int(request.state or b"0")
        part = rows[first : first + request.size]
        if self.poisoned & set(self.names[part]):
            deliver(ReadError("Cassandra cannot read this", lost=False))
            return
        state = str(first + len(part)).encode() if first + len(part) < len(rows) else None
        part = part[:0] if self.silent else part
        deliver(Page(self.names[part], {name: values[part] for name, values in self.columns.items()}, state))

    def _rows(self, query: Query) -> NDArray[np.int64]:
        if isinstance(query, Keys):
            rows = np.flatnonzero(np.isin(self.names, np.array(query.ids, dtype=object)))
            return rows[np.argsort(self.names[rows], kind="stable")]
        return np.flatnonzero((self.tokens > query.low) & (self.tokens <= query.high))


class BrokenTable(MemoryTable):
    """A table whose reads fail for good."""

    def _answer(self, request: Request, deliver: Callable[[Page | Exception], None]) -> None:
        deliver(CassandraError("the driver loses rows"))


def curves(lengths: Iterable[int]) -> dict[str, int]:
    """Objects with so many rows."""
    return {f"ZTF18{number:07d}": length for number, length in enumerate(lengths)}
