"""Light curves of several tables: the others are read beside the detections, the same tokens, each row once."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from features.curves import LightCurves
from features.rebuild.pace import Pace
from features.rebuild.pages import Query, Range, Reader
from features.rebuild.reading import ABSENT, Batch, Reading, keyed, streams


class Limits(Protocol):
    """What ``rebuild.Limits`` has."""

    @property
    def reads(self) -> int: ...
    @property
    def page(self) -> int: ...
    @property
    def partition(self) -> int: ...
    @property
    def rows_per_second(self) -> float | None: ...


_Found = tuple[LightCurves, dict[str, str]]


@dataclass
class Joined:
    """Reads queries; iterate over ``batches``. With one table it is ``Reading`` itself.

    Tables of one partition key have one order of tokens: to a batch of whole objects belong the rows of the other
    tables from behind the last batch's last token up to this one's. They are read while the next detections come. An
    object that one of the tables cannot give is unread; what has no detections is passed over.
    """

    reader: Reader
    asked: Sequence[Query]
    limits: Limits
    reading: Reading = field(init=False)
    unread: dict[str, str] = field(default_factory=dict)
    """Objects that could not be read, and why."""
    _rows: dict[str, int] = field(default_factory=dict)
    _paces: dict[str, Pace] = field(default_factory=dict)
    _ends: dict[int, int] = field(default_factory=dict)
    """Last token of a stream of ranges."""
    _behind: dict[int, int] = field(default_factory=dict)
    """How far each stream of ranges has come."""

    def __post_init__(self) -> None:
        limits, others = self.limits, self.reader.others
        rate = limits.rows_per_second and limits.rows_per_second / (1 + len(others))
        self._paces = {name: Pace(limits.reads, limits.page, rate) for name in others}
        self._rows = dict.fromkeys(others, 0)
        of = streams(self.asked, limits.reads, limits.partition)
        for stream in of:
            if all(isinstance(query, Range) for query in stream.queries):
                self._behind[stream.number] = stream.queries[0].low  # type: ignore[union-attr]
                self._ends[stream.number] = stream.queries[-1].high  # type: ignore[union-attr]
        self.reading = Reading(self.reader, of, Pace(limits.reads, limits.page, rate), self.unread)

    @property
    def rows(self) -> int:
        """Rows read, of all tables."""
        return self.reading.rows + sum(self._rows.values())

    def fraction(self) -> float:
        return self.reading.fraction()

    def silent(self) -> list[Reader]:
        """The tables of which no row came."""
        silent = [self.reader] if self.reading.rows == 0 else []
        return silent + [self.reader.others[name] for name, rows in self._rows.items() if not rows]

    def batches(self) -> Iterator[Batch]:
        """As ``Reading.batches``, with the other tables' rows in ``curves.others``."""
        if not self.reader.others:
            yield from self.reading.batches()
            return
        with ExitStack() as stack:
            pools = {name: stack.enter_context(ThreadPoolExecutor(1)) for name in self.reader.others}
            before: tuple[Batch, dict[str, Future[_Found]]] | None = None
            for batch in self.reading.batches():
                reads = {}
                if batch.curves is not None:
                    queries = self._queries(batch)
                    ids = batch.curves.object_id
                    reads = {name: pool.submit(self._read, name, queries, ids) for name, pool in pools.items()}
                if before:
                    yield self._with_others(*before)
                before = batch, reads
            if before:
                yield self._with_others(*before)

    def _queries(self, batch: Batch) -> list[Query]:
        """Where the other tables have the rows of a batch's objects."""
        assert batch.curves is not None
        ids = batch.curves.object_id.tolist()
        if batch.stream not in self._behind:
            return keyed(ids, self.reader)
        end = self._ends[batch.stream] if batch.last else self.reader.token(ids[-1])
        tokens = Range(self._behind[batch.stream], end)
        self._behind[batch.stream] = end
        return [tokens]

    def _read(self, name: str, queries: Sequence[Query], ids: Any) -> _Found:
        """The rows that a table has of some objects, and the objects that it cannot give."""
        reader = self.reader.others[name]
        reading = Reading(reader, streams(queries, 1, self.limits.partition), self._paces[name])
        wanted = set(ids.tolist())
        found = []
        for batch in reading.batches():
            if batch.curves is not None:
                here = [each for each in batch.curves.object_id.tolist() if each in wanted]
                found.append(batch.curves.of(np.array(here, ids.dtype)))
        self._rows[name] += reading.rows
        unread = {each: f"{name}: {why}" for each, why in reading.unread.items() if why != ABSENT}
        return _joined(found, ids, reader.nothing), unread

    def _with_others(self, batch: Batch, reads: Mapping[str, Future[_Found]]) -> Batch:
        if batch.curves is None:
            return batch
        found = {name: read.result() for name, read in reads.items()}
        curves = replace(batch.curves, others={name: curves for name, (curves, _) in found.items()})
        unread = {each: why for _, lost in found.values() for each, why in lost.items()}
        ids = curves.object_id
        whole = [each for each in ids.tolist() if each not in unread]
        self.unread |= {each: why for each, why in unread.items() if each in set(ids.tolist())}
        if len(whole) < len(ids):
            kept = np.array(whole, ids.dtype)
            curves = replace(curves.of(kept), others={name: each.of(kept) for name, each in curves.others.items()})
        return Batch(batch.stream, curves, batch.last)


def _joined(found: Sequence[LightCurves], ids: Any, nothing: Mapping[str, Any]) -> LightCurves:
    """The rows of some objects, in the order of ``ids``; ``nothing`` are the columns, where there is no row at all."""
    if not any(curves.rows for curves in found):
        return LightCurves(ids, np.zeros(len(ids) + 1, np.int64), nothing)
    counts = np.concatenate([curves.segments.count for curves in found])
    columns = {name: np.concatenate([curves.columns[name] for curves in found]) for name in found[0].columns}
    names = np.concatenate([curves.object_id for curves in found])
    return LightCurves(names, np.concatenate(([0], np.cumsum(counts))), columns).of(ids)
