"""The fast code against the plain one: random, degenerate and wide light curves."""

import math
import random
from typing import Any

import numpy as np
import pytest
import reference
from conftest import unlike
from hypothesis import given, settings
from hypothesis import strategies as st

import features
from features.batch import LightCurves, compute

SURVEY = features.survey("ztf")
ORDER = SURVEY.detections.clustering
EXACT = 1e-10
"""Absolute: positions cancel to this many degrees or arcseconds, whatever the order of a sum."""

NARROW = {"float": np.float32, "double": np.float64, "int": np.int32, "bigint": np.int64, "ascii": object}


def light_curve(seed: int) -> list[dict[str, Any]]:
    """A degenerate light curve: equal times, missing bands, nulls and absent keys, sentinels, RA 0, in disorder."""
    draw = random.Random(seed)
    choice, random_single = draw.choice, lambda low, high: float(np.float32(draw.uniform(low, high)))
    nulls = choice([0.0, 0.05, 0.5, 1.0])
    absent = choice([0.0, 0.0, 0.2])
    times = choice([[0.0], [0.0, -7.0, -14.0, -30.0], [-draw.uniform(0, 60) for _ in range(12)]])
    signs = choice(["t", "1", "f", "tf10", "tttf"])
    filters = choice([[1], [2], [3], [1, 2], [1, 2, 3]])
    ra, dec = choice([0.0, 359.999, 83.1, 266.4]), draw.uniform(-89, 89)
    mags = choice([[18.0], [random_single(12, 22) for _ in range(20)]])
    rows = []
    for candid in draw.sample(range(1, 40), draw.choice([0, 1, 2, 3, 4, 12, 30])):
        row = {
            "ra": (ra + draw.gauss(0, 1e-3)) % 360,
            "dec": dec + draw.gauss(0, 1e-3),
            "fid": choice(filters),
            "nid": choice([1, 2, 3]),
            "isdiffpos": choice(signs),
            "magpsf": choice([*mags, math.nan] if nulls else mags),
            "sigmapsf": random_single(0, 1),
            "rb": choice([0.75, random_single(0.5, 1)]),
            "drb": choice([None, 0.75, random_single(0.5, 1)]),
            "sgmag1": choice([None, -999.0, 0.0, random_single(10, 30)]),
            "srmag1": choice([None, -999.0, 0.0, random_single(10, 30)]),
            "sgscore1": choice([None, -999.0, 0.0, 0.5]),
            "distpsnr1": choice([None, -999.0, 0.0, random_single(0, 30)]),
            "ssnamenr": choice([None, "null", "(182319)2001OA98", 'a,"b"']),
            "diffmaglim": 20.5,
        }
        row = {name: None if draw.random() < nulls else value for name, value in row.items()}
        row = {name: value for name, value in row.items() if draw.random() >= absent}
        rows.append({"candid": choice([candid, candid, 2**60 + candid, None]), "jd": 2459000.5 + choice(times), **row})
    return rows


def assert_plain(rows: list[dict[str, Any]], found: dict[str, Any], window: float | None) -> None:
    wanted = reference.features("ZTF18aaaaaaa", rows, window)
    index, found_index = wanted.pop("htm16"), found["htm16"]
    assert (index is None) == (found_index is None)
    if found_index is not None:
        # On an edge rounding decides: the position must lie in the triangle, or not further out than that.
        p = reference.unit(found["ramean"], found["decmean"])
        assert reference.inside(p, reference.htm_triangle(found_index, 16)) > -1e-15
    if wanted["ramean"] is not None:
        assert 0 <= found["ramean"] < 360
    if wanted["ramean"] is not None and abs(wanted["ramean"] - found["ramean"]) > 180:
        wanted["ramean"] -= 360 * round((wanted["ramean"] - found["ramean"]) / 360)
    assert not unlike(wanted, found, 1e-9, EXACT)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**64), st.sampled_from([None, 1e-9, 7.0, 30.0]))
def test_the_fast_code_gives_what_the_plain_code_gives(seed: int, window: float | None) -> None:
    rows = light_curve(seed)
    found = compute(SURVEY, LightCurves.from_dicts("ZTF18aaaaaaa", rows, SURVEY.inputs, ORDER), window)
    assert not found.failures
    assert_plain(rows, next(found.dicts()), window)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**64), st.integers(0, 12), st.sampled_from([None, 7.0]))
def test_several_light_curves_in_columns_give_what_the_plain_code_gives_of_each(
    seed: int, size: int, window: float | None
) -> None:
    objects = {f"ZTF18aaaaa{n:02}": light_curve(seed + n) for n in range(size)}
    objects = {
        name: [{column: row.get(column) for column in SURVEY.inputs} for row in rows] for name, rows in objects.items()
    }
    found = compute(SURVEY, curves_of(objects), window)
    assert not found.failures
    assert found.object_id.tolist() == [
        name for name, rows in objects.items() if any(row["candid"] is not None for row in rows)
    ]
    for name, row in zip(found.object_id, found.dicts(), strict=True):
        assert_plain(objects[name], {**row, "objectId": "ZTF18aaaaaaa"}, window)


def curves_of(objects: dict[str, list[dict[str, Any]]]) -> LightCurves:
    """Columns as Cassandra's driver gives them: narrow types, masked where null."""
    rows = [{**row, "objectid": name} for name, several in objects.items() for row in several]
    columns = {}
    for column in SURVEY.detections.columns:
        if column.name in SURVEY.inputs:
            missing = [row.get(column.name) is None for row in rows]
            filled = [0 if null else row[column.name] for row, null in zip(rows, missing, strict=True)]
            columns[column.name] = np.ma.MaskedArray(np.array(filled, NARROW[column.cql]), missing)
    return LightCurves.from_rows(columns.pop("objectid"), columns, ORDER)


def wide_rows(size: int, seed: int) -> list[dict[str, Any]]:
    """Years of detections of one object, in disorder."""
    draw = random.Random(seed)
    rows = []
    for number in range(size):
        jd = 2458000.5 + draw.random() * 3000
        rows.append(
            {
                "candid": number + 1,
                "jd": jd,
                "nid": int(jd) - 2457754,
                "ra": (359.9999 + draw.gauss(0, 1e-4)) % 360,
                "dec": -12.3 + draw.gauss(0, 1e-4),
                "fid": draw.choice([1, 2, 3]),
                "isdiffpos": draw.choice("tf10"),
                "magpsf": float(np.float32(draw.gauss(18, 1))),
                "sigmapsf": float(np.float32(draw.random())),
                "rb": draw.random(),
                "drb": draw.choice([None, draw.random()]),
            }
        )
    return rows


@pytest.mark.parametrize("window", [None, 30.0])
def test_a_wide_light_curve_gives_what_the_plain_code_gives(window: float | None) -> None:
    rows = wide_rows(20_000, seed=1)
    curves = LightCurves.from_dicts("ZTF18aaaaaaa", rows, SURVEY.inputs, ORDER)
    assert_plain(rows, next(compute(SURVEY, curves, window).dicts()), window)
