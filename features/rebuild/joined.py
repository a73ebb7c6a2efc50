"""Light curves of several tables: the others are read beside the detections, the same tokens, each row once."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Protocol, TypeVar

import numpy as np

from features.curves import LightCurves
from features.rebuild.errors import CassandraError
from features.rebuild.joining import BATCH
from features.rebuild.pace import Pace
from features.rebuild.pages import Keys, Query, Range, Reader
from features.rebuild.reading import ABSENT, Batch, Reading, Stream, keyed, streams

OBJECTS = 3_000
"""Objects of a batch, at most: what is computed of one takes more memory than a few rows of it."""
T = TypeVar("T")


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


@dataclass
class Joined:
    """Reads queries; iterate over ``batches``. With one table it is ``Reading`` itself, OBJECTS at a time.

    Tables of one partition key have one order of tokens: to a batch of whole objects belong the rows of the other
    tables from behind the last batch's last token up to this one's. They are read while the next detections come. An
    object that one of the tables cannot give is unread; what has no detections is passed over.
    """

    reader: Reader
    asked: Sequence[Query]
    limits: Limits
    most: int = 4 * BATCH
    """Rows of another table that are enough: a batch that has more is cut."""
    reading: Reading = field(init=False)
    unread: dict[str, str] = field(default_factory=dict)
    """Objects that could not be read, and why."""
    _rows: dict[str, int] = field(default_factory=dict)
    _paces: dict[str, Pace] = field(default_factory=dict)

    def __post_init__(self) -> None:
        limits, others = self.limits, self.reader.others
        rate = limits.rows_per_second and limits.rows_per_second / (1 + len(others))
        self._paces = {name: Pace(limits.reads, limits.page, rate) for name in others}
        self._rows = dict.fromkeys(others, 0)
        of = streams(self.asked, limits.reads, limits.partition)
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
        batches = _few(self.reading.batches())
        for name in self.reader.others:
            batches = self._beside(name, batches, _Places(self.reader, self.reading.streams))
        return batches

    def _beside(self, name: str, batches: Iterator[Batch], places: "_Places") -> Iterator[Batch]:
        """The batches with another table's rows, which are read while the next batch comes."""
        with ThreadPoolExecutor(1) as pool:
            before: Iterator[Batch] = iter(())
            for batch in batches:
                here = iter([batch]) if batch.curves is None else self._pieces(name, batch, places.of(batch))
                after = _ahead(pool, here)
                yield from before
                before = after
            yield from before

    def _pieces(self, name: str, batch: Batch, queries: Sequence[Query]) -> Iterator[Batch]:
        """A batch with another table's rows: whole, or cut where these are many."""
        assert batch.curves is not None
        reader, ids = self.reader.others[name], batch.curves.object_id
        (stream,) = streams(queries, 1, self.limits.partition, min(BATCH, self.most))
        reading = Reading(reader, [stream], self._paces[name])
        found: list[LightCurves] = []
        done = 0
        for part in reading.batches():
            if part.curves is not None:
                found.append(_asked_for(part.curves, ids, queries, name))
            if part.last or sum(curves.rows for curves in found) < self.most:
                continue
            if whole := _come(ids[done:].tolist(), stream, reader):
                rows = _joined(found, ids[done:], reader.nothing, name)
                yield self._piece(name, batch, slice(done, done + whole), rows.take(slice(whole)), reading.unread)
                found, done = [_filled(rows.take(slice(whole, None)))], done + whole
        self._rows[name] += reading.rows
        yield self._piece(
            name, batch, slice(done, None), _joined(found, ids[done:], reader.nothing, name), reading.unread
        )

    def _piece(self, name: str, batch: Batch, objects: slice, rows: LightCurves, unread: Mapping[Any, str]) -> Batch:
        """Some objects of a batch with their rows of another table, without those that it cannot give."""
        assert batch.curves is not None
        curves = batch.curves.take(objects)
        curves = replace(curves, others={**curves.others, name: rows})
        lost = {each: unread[each] for each in curves.object_id.tolist() if unread.get(each, ABSENT) != ABSENT}
        self.unread |= {each: f"{name}: {why}" for each, why in lost.items()}
        return Batch(batch.stream, _without(curves, lost), batch.last and objects.stop is None)


class _Places:
    """Where the other tables have the rows of batches, as these come."""

    def __init__(self, reader: Reader, of: Sequence[Stream]) -> None:
        self._token = reader.token
        self._reader = reader
        self._behind: dict[int, int] = {}
        """How far each stream of ranges has come."""
        self._ends: dict[int, int] = {}
        for stream in of:
            first, last = stream.queries[0], stream.queries[-1]
            if isinstance(first, Range) and isinstance(last, Range):
                self._behind[stream.number], self._ends[stream.number] = first.low, last.high

    def of(self, batch: Batch) -> list[Query]:
        """The tokens behind the last batch's up to this one's, or its objects by name where these do not ascend.

        So it is where a range could not be read and its objects were asked for by name: Cassandra answers in the order
        of the names.
        """
        assert batch.curves is not None
        ids = batch.curves.object_id.tolist()
        if batch.stream not in self._behind:
            return keyed(ids, self._reader)
        behind, tokens = self._behind[batch.stream], [self._token(each) for each in ids]
        self._behind[batch.stream] = max(behind, *tokens)
        if not all(one < after for one, after in pairwise([behind, *tokens])):
            return keyed(ids, self._reader)
        return [Range(behind, self._ends[batch.stream] if batch.last else tokens[-1])]


def _few(batches: Iterable[Batch]) -> Iterator[Batch]:
    """The same light curves, OBJECTS at a time."""
    for batch in batches:
        firsts = range(0, 1 if batch.curves is None else len(batch.curves), OBJECTS)
        for first in firsts:
            some = batch.curves and batch.curves.take(slice(first, first + OBJECTS))
            yield Batch(batch.stream, some, batch.last and first == firsts[-1])


def _ahead(pool: ThreadPoolExecutor, items: Iterator[T]) -> Iterator[T]:
    """The items, the next of which is made by the pool meanwhile."""
    return _following(pool, items, pool.submit(next, items, None))


def _following(pool: ThreadPoolExecutor, items: Iterator[T], coming: "Future[T | None]") -> Iterator[T]:
    while (item := coming.result()) is not None:
        coming = pool.submit(next, items, None)
        yield item


def _come(ids: list[Any], stream: Stream, reader: Reader) -> int:
    """How many of the objects, the first ones, the stream has given all rows of."""
    if stream.queries and isinstance(stream.queries[0], Range):
        return bisect_left(ids, reader.token(stream.at), key=reader.token)
    coming = {stream.at, *(name for query in stream.queries if isinstance(query, Keys) for name in query.ids)}
    return next((place for place, name in enumerate(ids) if name in coming), len(ids))


def _asked_for(curves: LightCurves, ids: Any, queries: Sequence[Query], table: str) -> LightCurves:
    """Without what has no detections; of objects that were asked for by name there is no such."""
    wanted = set(ids.tolist())
    here = [each for each in curves.object_id.tolist() if each in wanted]
    if len(here) == len(curves):
        return curves
    if any(isinstance(query, Keys) for query in queries):
        raise CassandraError(f"{table} gave rows of objects that it was not asked for: the read cannot be trusted")
    return curves.of(np.array(here, ids.dtype))


def _filled(curves: LightCurves) -> LightCurves:
    """The objects that have rows."""
    return curves.of(curves.object_id[curves.segments.filled])


def _without(curves: LightCurves, lost: Mapping[Any, str]) -> LightCurves | None:
    """The objects that are not lost, None where all are."""
    if not lost:
        return curves
    kept = np.array([each for each in curves.object_id.tolist() if each not in lost], curves.object_id.dtype)
    others = {name: rows.of(kept) for name, rows in curves.others.items()}
    return replace(curves.of(kept), others=others) if len(kept) else None


def _joined(found: Sequence[LightCurves], ids: Any, nothing: Mapping[str, Any], table: str) -> LightCurves:
    """The rows of some objects, in the order of ``ids``; ``nothing`` are the columns, where there is no row at all.

    Raises CassandraError where the rows of an object came in two places.
    """
    if not any(curves.rows for curves in found):
        return LightCurves(ids, np.zeros(len(ids) + 1, np.int64), nothing)
    counts = np.concatenate([curves.segments.count for curves in found])
    columns = {name: np.concatenate([curves.columns[name] for curves in found]) for name in found[0].columns}
    names = np.concatenate([curves.object_id for curves in found])
    if len(set(names.tolist())) < len(names):
        raise CassandraError(f"{table} gave rows of one object in two places: the read cannot be trusted")
    return LightCurves(names, np.concatenate(([0], np.cumsum(counts))), columns).of(ids)
