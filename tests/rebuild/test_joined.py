"""Several tables as one: each object's rows of all of them, each row read once."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from memory_table import MemoryTable, curves

from features.curves import LightCurves
from features.rebuild.joined import Joined
from features.rebuild.pages import FIRST_TOKEN, LAST_TOKEN, Query, Range
from features.rebuild.reading import keyed
from features.rebuild.rebuild import Limits

ALL = Range(FIRST_TOKEN, LAST_TOKEN)
OBJECTS = curves([3, 40, 1, 7, 120, 2, 9, 15, 1, 30] * 8)
NAMES = sorted(OBJECTS)
FORCED = {**dict.fromkeys(NAMES[::3], 11), "ZTF19orphan": 50}
ONE = dict.fromkeys(NAMES[5:], 1)


def tables(forced: Mapping[str, int] = FORCED) -> MemoryTable:
    table = MemoryTable(OBJECTS)
    table.others = {"forced": MemoryTable(dict(forced)), "one": MemoryTable(ONE)}
    return table


def read(table: MemoryTable, asked: list[Query], limits: Limits, batch: int = 60) -> tuple[Joined, list[LightCurves]]:
    joined = Joined(table, asked, limits)
    for stream in joined.reading.streams:
        stream.joiner.batch = batch
    return joined, [each.curves for each in joined.batches() if each.curves is not None]


def counts(found: list[LightCurves], name: str) -> dict[Any, int]:
    told = [zip(each.object_id, each.others[name].segments.count.tolist(), strict=True) for each in found]
    return {key: count for pairs in told for key, count in pairs}


@pytest.mark.parametrize("limits", [Limits(), Limits(reads=3, page=17), Limits(reads=1, page=1000)])
@pytest.mark.parametrize("named", [False, True])
def test_each_object_has_its_rows_of_every_table(limits: Limits, named: bool) -> None:
    table = tables()
    asked = keyed(OBJECTS, table) if named else [*ALL.split(limits.reads)]
    joined, found = read(table, asked, limits)
    assert counts(found, "forced") == {name: FORCED.get(name, 0) for name in OBJECTS}
    assert counts(found, "one") == {name: ONE.get(name, 0) for name in OBJECTS}
    for each in found:
        assert each.others["forced"].object_id.tolist() == each.object_id.tolist()
        times = each.others["forced"].real("jd")
        assert times.tolist() == [jd for count in each.others["forced"].segments.count for jd in range(count)]
    assert joined.unread == {}
    orphan = 0 if named else 50
    assert joined.rows == sum(OBJECTS.values()) + sum(FORCED.values()) - 50 + sum(ONE.values()) + orphan


def test_an_object_that_is_too_wide_in_any_table_is_unread_and_the_others_stand() -> None:
    table = tables({**FORCED, NAMES[4]: 700})
    joined, found = read(table, [ALL], Limits(partition=200, page=33))
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
