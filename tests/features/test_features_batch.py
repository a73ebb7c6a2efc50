"""Many light curves at once, one at a time, and what a pipeline relies on."""

import copy
import dataclasses
import math
import random
import struct
from typing import Any

import numpy as np
import pytest
from conftest import TABLES
from test_features_plain import curves_of, wide_rows

import features
from features.batch import LightCurves, Rows, compute
from features.curves import Segments
from features.declare import Feature, family
from features.ztf import create_features

SURVEY = features.survey("ztf")
ORDER = SURVEY.detections.clustering
ROW = {
    "candid": 1, "jd": 2459000.5, "nid": 1246, "fid": 1, "isdiffpos": "t", "ra": 10.0, "dec": 20.0,
    "magpsf": 18.0, "sigmapsf": 0.1, "rb": 0.9, "drb": None, "sgmag1": 17.0, "srmag1": 16.5, "sgscore1": 0.5,
    "distpsnr1": 1.5, "ssnamenr": None,
}  # fmt: skip


def bits(row: dict[str, Any]) -> list[Any]:
    return [struct.pack("<d", value) if isinstance(value, float) else (type(value), value) for value in row.values()]


@pytest.mark.realdata
@pytest.mark.parametrize("table", TABLES)
def test_a_batch_of_one_is_the_batch_bit_for_bit(table: str, real_rows: Any) -> None:
    objects = dict(list(real_rows[table].items())[::4])
    rows = compute(SURVEY, curves_of(objects), None)
    for object_id, together in zip(rows.object_id, rows.dicts(), strict=True):
        assert bits(create_features(object_id, objects[object_id])) == bits(together)


@pytest.mark.parametrize("sizes", [(1, 1, 1), (3, 40, 1, 977), (500, 2)])
@pytest.mark.parametrize("window", [None, 300.0])
def test_an_objects_row_does_not_depend_on_its_neighbours(sizes: tuple[int, ...], window: float | None) -> None:
    objects = {f"ZTF18{number:07}": wide_rows(size, number) for number, size in enumerate(sizes)}
    curves = curves_of(objects)
    together = list(compute(SURVEY, curves, window).dicts())
    for place in range(len(sizes)):
        alone = list(compute(SURVEY, curves.take(slice(place, place + 1)), window).dicts())
        assert [bits(row) for row in alone] == [bits(together[place])]


def test_rows_in_any_order_give_the_same_bits() -> None:
    rows = wide_rows(60, 7)
    rows[5]["jd"] = rows[6]["jd"] = rows[7]["jd"]
    expected = bits(create_features("ZTF18aaaaaaa", rows))
    for seed in range(20):
        random.Random(seed).shuffle(rows)
        assert bits(create_features("ZTF18aaaaaaa", rows)) == expected
        assert bits(next(compute(SURVEY, curves_of({"ZTF18aaaaaaa": rows}), None).dicts())) == expected


def test_rows_in_cassandras_order_need_no_sort() -> None:
    objects = {"ZTF18a": wide_rows(5, 1), "ZTF18b": wide_rows(3, 2), "ZTF18c": wide_rows(1, 3)}
    sorted_curves = curves_of(objects)
    ids = np.repeat(sorted_curves.object_id, [5, 3, 1])
    ordered = LightCurves.from_ordered(ids, sorted_curves.columns)
    assert ordered.object_id.tolist() == ["ZTF18a", "ZTF18b", "ZTF18c"]
    assert ordered.start.tolist() == [0, 5, 8, 9]
    found = [bits(row) for row in compute(SURVEY, ordered, None).dicts()]
    assert found == [bits(row) for row in compute(SURVEY, sorted_curves, None).dicts()]


def test_objects_in_cassandras_order_stay_in_it() -> None:
    ids = np.array(["ZTF18b", "ZTF18b", "ZTF18a", "ZTF18c", "ZTF18c"], object)
    ordered = LightCurves.from_ordered(ids, {})
    assert ordered.object_id.tolist() == ["ZTF18b", "ZTF18a", "ZTF18c"]
    assert ordered.start.tolist() == [0, 2, 3, 5]
    assert len(LightCurves.from_ordered(ids[:0], {})) == 0


def test_the_list_given_is_not_changed() -> None:
    rows = wide_rows(9, 3)
    before = copy.deepcopy(rows)
    create_features("ZTF18aaaaaaa", rows)
    assert rows == before


def test_rows_without_a_candid_are_ignored() -> None:
    limits = [{"candid": None, "jd": 2459010.5, "diffmaglim": 20.1}, {"jd": 2459011.5}, {**ROW, "candid": math.nan}]
    assert create_features("ZTF18aaaaaaa", [*limits, ROW]) == create_features("ZTF18aaaaaaa", [ROW])
    assert curves_of({"ZTF18aaaaaaa": [ROW, limits[0]], "ZTF18aaaaaab": [limits[0]]}).object_id.tolist() == [
        "ZTF18aaaaaaa"
    ]


def test_a_key_that_is_absent_is_not_a_key_that_is_null() -> None:
    names = ("sgmag1", "srmag1", "sgscore1", "distpsnr1")
    absent = {name: value for name, value in ROW.items() if name not in names} | {"candid": 2, "jd": 2459001.5}
    null = absent | dict.fromkeys(names)
    for latest, kept in ((absent, True), (null, False)):
        found = create_features("ZTF18aaaaaaa", [latest, ROW])
        assert {name: found[name] for name in names} == {name: ROW[name] if kept else None for name in names}


def test_an_earlier_key_does_not_reach_into_the_window() -> None:
    absent = {name: value for name, value in ROW.items() if name != "sgmag1"} | {"candid": 2, "jd": 2459100.5}
    curves = LightCurves.from_dicts("ZTF18aaaaaaa", [ROW, absent], SURVEY.inputs, ORDER)
    assert next(compute(SURVEY, curves, 30).dicts())["sgmag1"] is None
    assert next(compute(SURVEY, curves, None).dicts())["sgmag1"] == 17.0


def test_an_object_without_a_detection_has_a_full_row() -> None:
    found = create_features("ZTF18aaaaaaa", [])
    counts = {"ncand": 0, "ncandgp": 0, "ncandgp_7": 0, "ncandgp_14": 0}
    nothing = {feature.name: None for feature in SURVEY.features}
    assert found == {"objectId": "ZTF18aaaaaaa", **nothing, **counts}
    assert list(found) == [column.name for column in SURVEY.columns]


def test_no_objects_give_no_rows() -> None:
    rows = compute(SURVEY, curves_of({"ZTF18aaaaaaa": [ROW]}).take(slice(0, 0)), 30)
    assert len(rows) == 0
    assert list(rows.values) == [feature.name for feature in SURVEY.features]


def detections(*told: tuple[float, int, int, float]) -> list[dict[str, Any]]:
    """Rows of (day, night, filter, magnitude)."""
    return [
        {**ROW, "candid": n, "jd": 2459000.5 + day, "nid": night, "fid": fid, "magpsf": mag}
        for n, (day, night, fid, mag) in enumerate(told, 1)
    ]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(0.0, 1, 1, 18.0), (0.1, 1, 2, 17.0), (1.0, 2, 1, 19.0)], (1.0, 0.0)),
        ([(0.0, 1, 1, 18.0), (0.1, 1, 1, 18.5), (0.2, 1, 2, 17.0), (0.3, 1, 3, 17.25)], (1.25, 0.1)),
        # Night 2's first r comes after night 1's, its first g before: night 2 it is.
        ([(0.0, 2, 1, 19.0), (0.1, 1, 1, 18.0), (0.2, 1, 2, 17.0), (0.3, 2, 2, 16.0)], (3.0, 0.0)),
        # Night 1's r is the last one of all, but its first r comes before night 2's.
        ([(0.0, 1, 1, 18.0), (0.1, 1, 2, 17.0), (0.2, 2, 1, 19.0), (0.3, 2, 2, 16.0), (0.4, 1, 2, 15.0)], (3.0, 0.2)),
        ([(0.0, 1, 1, 18.0), (0.1, 2, 2, 17.0)], (None, None)),
    ],
)
def test_the_colour_is_that_of_the_night_whose_first_r_comes_last(
    rows: list[tuple[float, int, int, float]], expected: tuple[float | None, float | None]
) -> None:
    objects = {
        "ZTF18a": detections((0.0, 2, 1, 21.0)),
        "ZTF18b": detections(*rows),
        "ZTF18c": detections((9.0, 1, 2, 11.0)),
    }
    first, found, last = compute(SURVEY, curves_of(objects), None).dicts()
    day = None if found["jd_g_minus_r"] is None else found["jd_g_minus_r"] - 2459000.5
    assert (found["g_minus_r"], day) == (expected[0], expected[1] and pytest.approx(expected[1]))
    assert first["g_minus_r"] is last["g_minus_r"] is None


def test_ages_of_good_detections_are_less_than_their_days() -> None:
    ages = (0.0, 6.75, 7.0, 13.75, 14.0)
    found = create_features("ZTF18aaaaaaa", detections(*((-age, 1, 1, 18.0) for age in ages)))
    assert (found["ncandgp"], found["ncandgp_7"], found["ncandgp_14"]) == (5, 2, 4)


@pytest.mark.parametrize(("shift", "expected"), [(0.0, 0.0), (0.05, 0.05), (-0.05, 359.95)])
def test_a_mean_position_is_right_on_both_sides_of_ra_0(shift: float, expected: float) -> None:
    # From the first row on: once the mean lies beyond 360, once below 0.
    rows = [{**ROW, "ra": (offset + shift) % 360} for offset in (359.9, 0.1, 0.1, 359.9)]
    rows = [{**row, "candid": n} for n, row in enumerate(rows if shift > 0 else [*rows[1:], rows[0]], 1)]
    found = create_features("ZTF18aaaaaaa", rows)
    assert found["ramean"] == pytest.approx(expected, abs=1e-11)
    assert 0 <= found["ramean"] < 360
    assert found["rastd"] == pytest.approx(360.0)
    elsewhere = create_features("ZTF18aaaaaaa", [{**row, "ra": expected} for row in rows])
    for name in ("glonmean", "glatmean"):
        assert found[name] == pytest.approx(elsewhere[name])


def test_a_band_without_a_detection_has_no_moving_average() -> None:
    found = create_features("ZTF18aaaaaaa", [ROW])
    assert [found[f"mag_r{days}"] for days in ("02", "08", "28")] == [None] * 3
    assert [found[f"mag_g{days}"] for days in ("02", "08", "28")] == [18.0] * 3


def test_a_zero_is_written_as_zero() -> None:
    found = create_features("ZTF18aaaaaaa", [{**ROW, "rb": 0.1, "sgscore1": 0.0}])
    assert (found["rastd"], found["decstd"], found["ncandgp"], found["sgscore1"]) == (0.0, 0.0, 0, 0.0)


def test_nulls_everywhere_still_give_a_full_row() -> None:
    found = create_features("ZTF18aaaaaaa", [dict.fromkeys(ROW) | {"candid": 1, "jd": 2459000.5}])
    there = {"ncand": 1, "ncandgp": 0, "ncandgp_7": 0, "ncandgp_14": 0, "jdmin": 2459000.5, "jdmax": 2459000.5}
    nothing = {feature.name: None for feature in SURVEY.features}
    assert found == {"objectId": "ZTF18aaaaaaa", **nothing, **there, "jdrmax": 2459000.5}


def test_a_feature_that_raises_costs_its_own_value_of_that_object_alone() -> None:
    @family(Feature("careful", "float", "", "never", "", ""), needs="fid")
    def careful(curves: LightCurves) -> Any:
        if 3 in curves.real("fid"):
            raise ValueError("no i band here")
        return (curves.real("fid")[curves.start[:-1]],)

    survey = dataclasses.replace(SURVEY, families=(*SURVEY.families, careful))
    objects = {f"ZTF18{number}": [{**ROW, "fid": fid}] for number, fid in enumerate((1, 2, 3, 1, 3, 2, 2))}
    curves = curves_of(objects)
    rows = compute(survey, curves, None)
    assert [row["careful"] for row in rows.dicts()] == [1.0, 2.0, None, 1.0, None, 2.0, 2.0]
    assert [each.object_id for each in rows.failures] == ["ZTF182", "ZTF184"]
    assert rows.failures[0].family == "careful"
    assert "no i band" in rows.failures[0].error
    without = list(compute(SURVEY, curves, None).dicts())
    assert [{**row, "careful": 0} for row in without] == [{**row, "careful": 0} for row in rows.dicts()]


def test_a_function_that_returns_another_number_of_values_is_a_failure() -> None:
    @family(Feature("short", "int", "", "never", "", ""), needs="fid")
    def short(curves: LightCurves) -> Any:
        return (np.zeros(0, np.int64),)

    rows: Rows = compute(dataclasses.replace(SURVEY, families=(*SURVEY.families, short)), curves_of({"a": [ROW]}), None)
    assert [each.family for each in rows.failures] == ["short"]


def test_a_family_reads_only_the_columns_that_it_declares() -> None:
    curves = curves_of({f"ZTF18{n}": wide_rows(4, n) for n in range(3)})
    for each in SURVEY.families:
        narrow = dataclasses.replace(curves, columns={name: curves.columns[name] for name in each.needs})
        with np.errstate(all="ignore"):
            assert len(each(narrow)) == len(each.features)


def test_a_window_keeps_less_than_its_days_before_each_objects_own_latest() -> None:
    days = (0, 29.5, 30, 31)
    objects = {
        "old": [{**ROW, "candid": n, "jd": 2450000.5 - day} for n, day in enumerate(days)],
        "new": [{**ROW, "candid": n, "jd": 2460000.5 - day} for n, day in enumerate(days)],
    }
    assert [row["ncand"] for row in compute(SURVEY, curves_of(objects), 30).dicts()] == [2, 2]
    assert [row["ncand"] for row in compute(SURVEY, curves_of(objects), None).dicts()] == [4, 4]


def test_empty_runs_are_segments_too() -> None:
    segments = Segments(np.array([0, 0, 2, 2, 3, 3]))
    values = np.array([1.0, 5.0, 7.0])
    np.testing.assert_array_equal(segments.reduce(np.maximum, values), [np.nan, 5, np.nan, 7, np.nan])
    np.testing.assert_array_equal(segments.from_end(values, 2), [np.nan, 1, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(segments.subset(np.array([True, False, True])).count, [0, 1, 0, 1, 0])
