"""Light curves out of a table that is read in several streams, with failures."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from cassandra.cluster import Session
from memory_table import BrokenTable, MemoryTable, curves

from features import survey
from features.rebuild import reading
from features.rebuild.cluster import TableReader
from features.rebuild.errors import CassandraError
from features.rebuild.pace import Pace
from features.rebuild.pages import FIRST_TOKEN, LAST_TOKEN, Keys, Query, Range, Request
from features.rebuild.reading import Reading, keyed, streams

ALL = Range(FIRST_TOKEN, LAST_TOKEN)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "WAITS", (0.0,) * 8)


def read(
    table: MemoryTable, queries: Sequence[Query], page: int = 10, reads: int = 3, limit: int = 1000
) -> tuple[Reading, set[str]]:
    """Reads to the end; the objects that came, each once and whole."""
    whole = Reading(table, streams(queries, reads, limit), Pace(reads, page, None))
    seen: Counter[str] = Counter()
    ended = []
    for batch in whole.batches():
        if batch.curves is not None:
            seen.update(batch.curves.object_id)
            counts = dict(zip(batch.curves.object_id, (batch.curves.start[1:] - batch.curves.start[:-1]), strict=True))
            assert counts == {name: table.curves[name] for name in counts}
        if batch.last:
            ended.append(batch.stream)
    assert sorted(ended) == list(range(len(whole.streams)))
    assert set(seen.values()) <= {1}
    return whole, set(seen)


@pytest.mark.parametrize("page", [1, 7, 10_000])
def test_every_object_comes_once_and_whole(page: int) -> None:
    table = MemoryTable(curves([1, 5, 30, 2, 2, 17, 1, 9]))
    whole, found = read(table, ALL.split(3), page)
    assert found == set(table.curves)
    assert whole.rows == 67
    assert whole.fraction() == 1


def test_several_reads_are_in_flight_and_never_more_than_allowed() -> None:
    table = MemoryTable(curves([5] * 60))
    read(table, ALL.split(3), page=4, reads=3)
    assert table.most_at_once == 3


def test_a_table_without_rows_gives_no_light_curve() -> None:
    assert read(MemoryTable({}), ALL.split(4))[1] == set()


@pytest.mark.parametrize("lost", [True, False])
def test_reads_that_fail_are_tried_again_with_smaller_pages(lost: bool) -> None:
    table = MemoryTable(curves([30] * 20), failures=4, lost=lost)
    assert read(table, ALL.split(3), page=400)[1] == set(table.curves)
    assert min(request.size for request in table.asked) < 400


def test_a_cluster_that_stays_away_ends_the_reading() -> None:
    with pytest.raises(CassandraError, match="Cassandra is busy"):
        read(MemoryTable(curves([3]), failures=10**6, lost=True), [ALL])


def test_an_answer_that_makes_no_sense_is_not_tried_again() -> None:
    table = BrokenTable(curves([3]))
    with pytest.raises(CassandraError, match="the driver loses rows"):
        read(table, [ALL])
    assert len(table.asked) == 1


@pytest.mark.parametrize("page", [1, 4, 1000])
def test_an_object_that_cannot_be_read_is_named_and_all_others_are_read(page: int) -> None:
    table = MemoryTable(curves([3, 8, 2, 40, 1, 1, 12, 5, 6]), poisoned={"ZTF180000003"})
    whole, found = read(table, ALL.split(3), page)
    assert found == set(table.curves) - table.poisoned
    assert list(whole.unread) == ["ZTF180000003"]
    assert "Cassandra cannot read this" in whole.unread["ZTF180000003"]
    assert whole.rows == sum(table.curves.values()) - 40


def test_an_object_that_is_too_wide_is_named_and_all_others_are_read() -> None:
    table = MemoryTable(curves([3, 8, 200, 40]))
    whole, found = read(table, ALL.split(2), page=30, limit=100)
    assert found == set(table.curves) - {"ZTF180000002"}
    assert whole.unread == {"ZTF180000002": "PartitionTooWide: 200 rows, the limit is 100"}


@pytest.mark.parametrize("page", [1, 4, 1000])
def test_named_objects_are_read_and_one_without_rows_is_named(page: int) -> None:
    table = MemoryTable(curves([4] * 250))
    wanted = [*list(table.curves)[::2], "ZTF99nothing"]
    whole, found = read(table, keyed(wanted, table), page)
    assert found == set(wanted) - {"ZTF99nothing"}
    assert whole.unread == {"ZTF99nothing": "it has no rows"}


@pytest.mark.parametrize("page", [1, 4, 1000])
def test_a_named_object_that_cannot_be_read_costs_no_other(page: int) -> None:
    table = MemoryTable(curves([4] * 250), poisoned={"ZTF180000100", "ZTF180000101"})
    whole, found = read(table, keyed(table.curves, table), page)
    assert found == set(table.curves) - table.poisoned
    assert set(whole.unread) == table.poisoned


def test_named_objects_are_asked_for_with_their_neighbours_and_once() -> None:
    table = MemoryTable(curves([1] * 250))
    queries = keyed([*table.curves, *table.curves], table)
    names = [name for query in queries if isinstance(query, Keys) for name in query.ids]
    assert sorted(names) == sorted(table.curves)
    assert [table.token(name) for name in names] == sorted(table.token(name) for name in names)


def test_rows_a_second_are_limited() -> None:
    table = MemoryTable(curves([10] * 10))
    whole = Reading(table, streams([ALL], 1, 100), Pace(1, 20, 200.0))
    started = time.monotonic()
    list(whole.batches())
    assert time.monotonic() - started > 0.35


def test_ranges_split_into_all_of_themselves() -> None:
    parts = Range(FIRST_TOKEN, LAST_TOKEN).split(7)
    assert (parts[0].low, parts[-1].high) == (FIRST_TOKEN, LAST_TOKEN)
    assert all(one.high == next_.low for one, next_ in pairwise(parts))
    assert Range(3, 5).split(4) == [Range(3, 4), Range(4, 5)]


def test_a_read_in_the_plain_way_spoils_no_read_of_another_table_at_the_same_time() -> None:
    session, table = SharedSession(), survey("ztf").detections
    readers = [TableReader(session, table, ("objectid", "jd")) for _ in range(2)]  # type: ignore[arg-type]
    names = threading.Thread(target=lambda: readers[0].ids(ALL))
    names.start()
    session.begun.wait(5)
    readers[1].fetch(Request(ALL, None, 10), lambda page: None)
    session.answered.set()
    names.join(5)
    assert session.handlers == [Session.client_protocol_handler, "numpy"]


class SharedSession:
    """What two readers have of the driver's session; its first statement takes a while."""

    client_protocol_handler: object = "numpy"

    def __init__(self) -> None:
        self.handlers: list[object] = []
        self.begun, self.answered = threading.Event(), threading.Event()

    def prepare(self, statement: str) -> Any:
        return SimpleNamespace(result_metadata=[], bind=lambda values: SimpleNamespace())

    def execute_async(self, statement: Any, **options: Any) -> Any:
        self.handlers.append(self.client_protocol_handler)
        return SimpleNamespace(result=self._result, add_callbacks=lambda *both: None)

    def execute(self, statement: Any) -> Any:
        return self.execute_async(statement).result()

    def _result(self) -> list[tuple[str]]:
        self.begun.set()
        self.answered.wait(5)
        return []
