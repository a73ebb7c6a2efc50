"""Several tables as one: each object's rows of all of them, each row read once."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from memory_table import MemoryTable, curves
from numpy.typing import NDArray

from features.curves import LightCurves
from features.rebuild import joined as joined_module
from features.rebuild import reading
from features.rebuild.errors import CassandraError
from features.rebuild.joined import Joined
from features.rebuild.pages import FIRST_TOKEN, LAST_TOKEN, Keys, Query, Range
from features.rebuild.reading import keyed
from features.rebuild.rebuild import Limits

ROOT = Path(__file__).parents[2]
ALL = Range(FIRST_TOKEN, LAST_TOKEN)
OBJECTS = curves([3, 40, 1, 7, 120, 2, 9, 15, 1, 30] * 8)
NAMES = sorted(OBJECTS)
FORCED = {**dict.fromkeys(NAMES[::3], 11), "ZTF19orphan": 50}
ONE = dict.fromkeys(NAMES[5:], 1)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "WAITS", (0.0,) * 8)


def tables(forced: Mapping[str, int] = FORCED) -> MemoryTable:
    table = MemoryTable(OBJECTS)
    table.others = {"forced": MemoryTable(dict(forced)), "one": MemoryTable(ONE)}
    return table


def read(
    table: MemoryTable, asked: list[Query], limits: Limits, batch: int = 60, most: int = 100_000
) -> tuple[Joined, list[LightCurves]]:
    joined = Joined(table, asked, limits, most)
    for stream in joined.reading.streams:
        stream.joiner.batch = batch
    return joined, [each.curves for each in joined.batches() if each.curves is not None]


def counts(found: list[LightCurves], name: str) -> dict[Any, int]:
    told = [zip(each.object_id, each.others[name].segments.count.tolist(), strict=True) for each in found]
    return {key: count for pairs in told for key, count in pairs}


@pytest.mark.parametrize("limits", [Limits(), Limits(reads=3, page=17), Limits(reads=1, page=1000)])
@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("most", [1, 40, 100_000])
def test_each_object_has_its_rows_of_every_table(limits: Limits, named: bool, most: int) -> None:
    table = tables()
    asked = keyed(OBJECTS, table) if named else [*ALL.split(limits.reads)]
    joined, found = read(table, asked, limits, most=most)
    assert counts(found, "forced") == {name: FORCED.get(name, 0) for name in OBJECTS}
    assert counts(found, "one") == {name: ONE.get(name, 0) for name in OBJECTS}
    for each in found:
        assert each.others["forced"].object_id.tolist() == each.object_id.tolist()
        times = each.others["forced"].real("jd")
        assert times.tolist() == [jd for count in each.others["forced"].segments.count for jd in range(count)]
    assert joined.unread == {}
    orphan = 0 if named else 50
    assert joined.rows == sum(OBJECTS.values()) + sum(FORCED.values()) - 50 + sum(ONE.values()) + orphan


@pytest.mark.parametrize("most", [1, 100_000])
def test_an_object_that_is_too_wide_in_any_table_is_unread_and_the_others_stand(most: int) -> None:
    table = tables({**FORCED, NAMES[4]: 700})
    joined, found = read(table, [ALL], Limits(partition=200, page=33), most=most)
    assert list(joined.unread) == [NAMES[4]]
    assert "forced: PartitionTooWide: 700 rows" in joined.unread[NAMES[4]]
    assert set(counts(found, "one")) == set(OBJECTS) - {NAMES[4]}


def test_a_table_without_any_row_has_its_columns_all_the_same() -> None:
    table = tables({"ZTF19orphan": 3})
    _, found = read(table, [ALL], Limits())
    assert counts(found, "forced") == dict.fromkeys(OBJECTS, 0)
    assert found[0].others["forced"].real("jd").dtype == np.float64


def test_a_read_of_another_table_that_fails_is_tried_again() -> None:
    table = tables()
    table.others["forced"].failures = 2
    joined, found = read(table, [ALL], Limits())
    assert counts(found, "forced") == {name: FORCED.get(name, 0) for name in OBJECTS}
    assert joined.unread == {}


@pytest.mark.parametrize("most", [1, 100_000])
@pytest.mark.parametrize("poisoned", ["", "forced"])
def test_no_row_of_another_table_is_lost_where_a_range_has_to_be_read_by_names(poisoned: str, most: int) -> None:
    everywhere = dict.fromkeys(NAMES, 11)
    table = tables(everywhere)
    lost = sorted(NAMES, key=table.token)[20]
    (table.others[poisoned] if poisoned else table).poisoned.add(lost)
    joined, found = read(table, [ALL], Limits(page=50), most=most)
    assert list(joined.unread) == [lost]
    assert counts(found, "forced") == {name: 11 for name in NAMES if name != lost}
    assert counts(found, "one") == {name: ONE.get(name, 0) for name in NAMES if name != lost}


def test_a_batch_is_cut_by_its_objects_and_by_the_rows_of_any_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joined_module, "OBJECTS", 7)
    table = MemoryTable(dict.fromkeys(NAMES, 1))
    assert max(len(each) for each in read(table, [ALL], Limits())[1]) == 7
    table.others = {"forced": MemoryTable(dict.fromkeys(NAMES, 30))}
    _, found = read(table, [ALL], Limits(page=40), most=60)
    assert sum(map(len, found)) == len(NAMES)
    assert max(each.others["forced"].rows for each in found) <= 60 + 40 + 30


class Confused(MemoryTable):
    """Names rows of other objects than it was asked for, or gives an object's rows in two places."""

    twice = False

    def _rows(self, query: Query) -> NDArray[np.int64]:
        if isinstance(query, Keys):
            query = Keys((*query.ids, "ZTF19orphan"))
        rows = super()._rows(query)
        return np.concatenate((rows, rows[:1])) if self.twice else rows


@pytest.mark.parametrize(("twice", "says"), [(False, "was not asked for"), (True, "in two places")])
def test_rows_that_belong_nowhere_are_an_error_and_not_lost(twice: bool, says: str) -> None:
    table = tables()
    table.others["forced"] = Confused(FORCED)
    table.others["forced"].twice = twice  # type: ignore[attr-defined]
    with pytest.raises(CassandraError, match=f"forced gave rows .*{says}"):
        read(table, [ALL] if twice else keyed(OBJECTS, table), Limits())


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("objects", "sources", "forced"), [(24_000, 1, 1), (6_000, 1, 400)])
def test_memory_is_bounded_whatever_the_shape_of_the_light_curves(objects: int, sources: int, forced: int) -> None:
    program = [sys.executable, "-m", "tests.rebuild.memory_of_a_worker"]
    peaks = []
    for size in (objects // 3, objects):
        given = [str(number) for number in (size, sources, forced)]
        done = subprocess.run([*program, *given], cwd=ROOT, capture_output=True, text=True, check=True)
        said = json.loads(done.stdout)
        assert said["objects"] == size
        peaks.append(said["peak_mib"])
    assert peaks[1] < 150, "design: 400 MiB a worker, libraries and the driver among them"
    assert peaks[1] < 1.3 * peaks[0]
