"""How the rows of a run differ from the table's, counted in batches."""

import numpy as np
import pytest
from simulated_parts import ZTF

from farm.diff.tally import Tally
from farm.load.columns import Values, parse
from features.declare import Feature

COLUMNS = {column.name: column for column in ZTF.columns}


def values(feature: Feature, texts: list[str | None]) -> Values:
    return parse(feature.sql, texts)


def tally(name: str, table: list[str | None], run: list[str | None], size: int = 100, worst: int = 3) -> Tally:
    """Rows K0, K1, ... counted ``size`` at a time; none is guarded."""
    counted = Tally(COLUMNS[name], worst)
    for at in range(0, len(table), size):
        old, new = table[at : at + size], run[at : at + size]
        keys = [f"K{at + row}" for row in range(len(old))]
        counted.add(keys, values(COLUMNS[name], old), values(COLUMNS[name], new), np.zeros(len(old), bool))
    return counted


@pytest.mark.parametrize(
    ("name", "old", "new", "moved"),
    [
        ("decmean", "10.0", "10.000000009", 0),
        ("decmean", "10.0", "10.00000002", 1),
        ("decmean", "0", "-0.0", 0),
        ("decmean", "0", "1e-300", 1),
        ("gmag", "18.25", "18.250002", 0),
        ("gmag", "18.25", "18.250004", 1),
        ("ncand", "5", "6", 1),
        ("htm16", "50000000000", "50000000001", 1),
        ("ssnamenr", "Vesta", "vesta", 1),
    ],
)
def test_a_value_moves_when_it_differs_by_more_than_its_features_tolerance(
    name: str, old: str, new: str, moved: int
) -> None:
    found = tally(name, [old], [new]).result()
    assert (found.moved, found.changed) == (moved, moved)


def test_values_that_become_or_cease_to_be_null_are_counted_apart() -> None:
    found = tally("gmag", ["1", "1", None, None, "2"], ["1", None, None, "3", "4"]).result()
    assert (found.moved, found.to_null, found.from_null, found.all_null) == (1, 1, 1, False)


def test_a_column_without_a_value_in_the_table_is_known() -> None:
    assert tally("gmag", [None, None], ["1", None]).result().all_null
    assert not tally("gmag", [None, "2"], ["1", None]).result().all_null


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_how_far_does_not_depend_on_the_batches(size: int) -> None:
    random = np.random.default_rng(5)
    old = random.normal(0, 100, 999)
    new = old * (1 + 10 ** random.uniform(-8, -1, 999))
    texts = [[repr(float(value)) for value in side] for side in (old, new)]
    found = tally("decmean", list(texts[0]), list(texts[1]), size).result()
    relative = np.abs(new - old) / np.maximum(np.abs(old), np.abs(new))
    worst = np.argsort(-relative)[:3]
    assert found.moved == 999
    assert found.greatest == pytest.approx(relative.max())
    assert found.median == pytest.approx(np.median(relative), rel=0.012)
    assert [move.object for move in found.worst] == [f"K{row}" for row in worst.tolist()]
    assert found.worst[0].distance == pytest.approx(relative.max())


def test_values_of_opposite_sign_are_the_furthest_apart() -> None:
    found = tally("decmean", ["1", "-2"], ["-1", "-2.2"]).result()
    assert found.greatest == 2.0
    assert [(move.object, move.table, move.run) for move in found.worst] == [
        ("K0", "1.0", "-1.0"),
        ("K1", "-2.0", "-2.2"),
    ]


def test_where_fewer_objects_move_than_are_named_those_that_become_null_follow() -> None:
    found = tally("gmag", ["1", "1", None], [None, "2", "3"]).result()
    assert [(move.object, move.table, move.run) for move in found.worst] == [
        ("K1", "1.0", "2.0"),
        ("K0", "1.0", None),
        ("K2", None, "3.0"),
    ]
    assert tally("gmag", ["1"], ["2"], worst=0).result().worst == ()


def test_guarded_rows_do_not_change() -> None:
    counted = Tally(COLUMNS["gmag"], 3)
    old, new = values(COLUMNS["gmag"], ["1", "1", "1"]), values(COLUMNS["gmag"], ["2", None, "1"])
    changed = counted.add(["a", "b", "c"], old, new, np.array([True, True, False]))
    assert not changed.any()
    assert counted.result().changed == 0
