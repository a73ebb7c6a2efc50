"""Several reads in flight, pages prefetched, failed reads tried again: whole light curves come out."""

import heapq
import queue
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from features.curves import LightCurves
from features.rebuild.errors import CassandraError, ReadError
from features.rebuild.joining import BATCH, Joiner
from features.rebuild.pace import WAITS, Pace
from features.rebuild.pages import Keys, Page, Query, Range, Reader, Request

KEYS = 100
"""Objects of one keyed read."""
ABSENT = "it has no rows"
"""Of an object that was asked for by name."""
TRIES = 4
"""Further tries of a read that a node began and did not end."""


@dataclass
class Stream:
    """Queries that are read one after the other; their objects come out in this order, the streams' in any."""

    number: int
    queries: list[Query]
    """Those that are not read yet; the first one is under way."""
    joiner: Joiner
    state: bytes | None = None
    tries: int = 0
    rows: int = 0
    at: Any = None
    """The last object of which a row has come."""
    named: set[Any] = field(default_factory=set)
    """Objects that were asked for by name and of which no row has come."""
    most: int = 0
    """Queries that there were."""

    def __post_init__(self) -> None:
        self.most = len(self.queries)
        self.named |= {name for query in self.queries if isinstance(query, Keys) for name in query.ids}

    def fraction(self, token: Callable[[Any], int]) -> float:
        """How much of it is read, in the mind of a progress bar."""
        if not self.queries:
            return 1.0
        query, begun = self.queries[0], 0.0
        if isinstance(query, Range) and self.at is not None:
            begun = (token(self.at) - query.low) / (query.high - query.low)
        return max(0.0, (self.most - len(self.queries) + begun) / self.most)


def streams(queries: Sequence[Query], parts: int, limit: int, batch: int = BATCH) -> list[Stream]:
    """The queries in at most ``parts`` streams of consecutive ones."""
    cuts = [len(queries) * part // parts for part in range(parts + 1)]
    shares = [list(queries[low:high]) for low, high in pairwise(cuts) if low < high]
    return [Stream(number, share, Joiner(limit, batch)) for number, share in enumerate(shares)]


def keyed(ids: Iterable[Any], reader: Reader) -> list[Query]:
    """Reads of the named objects, each of neighbours on the ring of tokens."""
    ordered = sorted(set(ids), key=lambda name: (reader.token(name), name))
    return [Keys(tuple(ordered[first : first + KEYS])) for first in range(0, len(ordered), KEYS)]


@dataclass(frozen=True, eq=False)
class Batch:
    """Whole light curves of one stream; None where there is none."""

    stream: int
    curves: LightCurves | None
    last: bool


@dataclass
class Reading:
    """Reads streams of queries; iterate over ``batches``."""

    reader: Reader
    streams: Sequence[Stream]
    pace: Pace
    unread: dict[Any, str] = field(default_factory=dict)
    """Objects that could not be read, and why."""
    _answers: queue.SimpleQueue[tuple[Stream, Page | Exception, float]] = field(default_factory=queue.SimpleQueue)
    _due: list[tuple[float, int]] = field(default_factory=list)
    _flying: int = 0

    @property
    def rows(self) -> int:
        return sum(stream.rows for stream in self.streams)

    def fraction(self) -> float:
        """How much of all is read."""
        return sum(stream.fraction(self.reader.token) for stream in self.streams) / max(1, len(self.streams))

    def batches(self) -> Iterator[Batch]:
        """Light curves as they come, the next pages being fetched meanwhile.

        Raises CassandraError where no node could be asked although it was tried again and again.
        """
        self._due = [(0.0, stream.number) for stream in self.streams if stream.queries]
        heapq.heapify(self._due)
        while self._due or self._flying:
            self._send()
            try:
                stream, answer, seconds = self._answers.get(timeout=self._patience())
            except queue.Empty:
                continue
            self._flying -= 1
            if isinstance(answer, Page):
                self.pace.answered(time.monotonic(), seconds, len(answer))
                yield from self._take(stream, answer)
            elif isinstance(answer, ReadError):
                self.pace.failed()
                yield from self._again(stream, answer)
            else:
                raise answer

    def _send(self) -> None:
        """Ask for as many pages as manners allow, those first that have waited the longest."""
        now = time.monotonic()
        while self._due and self._due[0][0] <= now and self._flying < self.pace.reads and not self.pace.wait(now):
            stream = self.streams[heapq.heappop(self._due)[1]]
            self._flying += 1
            request = Request(stream.queries[0], stream.state, self.pace.page)
            self.reader.fetch(request, self._deliver(stream, now))

    def _deliver(self, stream: Stream, asked: float) -> Callable[[Page | Exception], None]:
        return lambda answer: self._answers.put((stream, answer, time.monotonic() - asked))

    def _patience(self) -> float | None:
        """Seconds until something can be asked, None where only an answer can come next."""
        if not self._due or self._flying >= self.pace.reads:
            return None
        now = time.monotonic()
        return max(self._due[0][0] - now, self.pace.wait(now), 0.0)

    def _take(self, stream: Stream, page: Page) -> Iterator[Batch]:
        stream.tries, stream.state = 0, page.state
        stream.rows += len(page)
        if len(page):
            stream.at = page.ids[-1:].tolist()[0]
        if stream.named:
            stream.named -= set(page.ids.tolist())
        if page.state is None:
            stream.queries.pop(0)
        self._go_on(stream)
        curves = stream.joiner.add(page)
        self._name_too_wide(stream)
        if curves is not None:
            yield Batch(stream.number, curves, last=False)
        yield from self._end(stream)

    def _go_on(self, stream: Stream) -> None:
        """Ask for the stream's next page, if it has one."""
        if stream.queries:
            heapq.heappush(self._due, (time.monotonic(), stream.number))
            self._send()

    def _end(self, stream: Stream) -> Iterator[Batch]:
        if stream.queries:
            return
        curves = stream.joiner.end()
        self._name_too_wide(stream)
        yield Batch(stream.number, curves, last=True)
        for name in stream.named:
            self.unread.setdefault(name, ABSENT)

    def _name_too_wide(self, stream: Stream) -> None:
        for name, rows in stream.joiner.too_wide.items():
            self.unread[name] = f"PartitionTooWide: {rows} rows, the limit is {stream.joiner.limit}"

    def _again(self, stream: Stream, error: ReadError) -> Iterator[Batch]:
        """Try once more after a while; in the end find the object that is at fault, and give that up."""
        if stream.tries < (len(WAITS) if error.lost else TRIES):
            heapq.heappush(self._due, (time.monotonic() + WAITS[stream.tries], stream.number))
            stream.tries += 1
            return
        query = stream.queries.pop(0)
        if error.lost:
            raise CassandraError(f"{query} cannot be read, after {stream.tries} more tries: {error}")
        begun = stream.state is not None
        stream.tries, stream.state = 0, None
        if begun:
            stream.rows -= stream.joiner.drop_open()
        if isinstance(query, Keys) and len(query.ids) == 1:
            self.unread[query.ids[0]] = f"after {TRIES} more tries: {error}"
            stream.named.discard(query.ids[0])
        else:
            stream.queries[:0] = self._narrower(query, stream, stream.at if begun else None)
        self._go_on(stream)
        yield from self._end(stream)

    def _narrower(self, query: Query, stream: Stream, at: Any) -> list[Query]:
        """What is left to read of a query that failed at the object ``at``, in smaller queries."""
        if isinstance(query, Keys):
            return [Keys((name,)) for name in query.ids if name == at or name in stream.named]
        low = query.low if at is None else self.reader.token(at) - 1
        queries = keyed(self.reader.ids(Range(low, query.high)), self.reader)
        stream.named |= {name for each in queries if isinstance(each, Keys) for name in each.ids}
        return queries
