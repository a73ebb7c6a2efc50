"""The fast code against the plain one: random, degenerate and wide light curves."""

import math
import random
from typing import Any

import numpy as np
import pytest
import reference
from conftest import unlike
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import features
from features.batch import LightCurves, compute

SURVEY = features.survey("ztf")
EXACT = 1e-10
"""Absolute: positions cancel to this many degrees or arcseconds, whatever the order of a sum."""

single_precision = st.floats(10, 25, width=32)
probability = st.one_of(st.none(), st.just(0.75), st.floats(0, 1, width=32))
ps1 = st.one_of(st.none(), st.just(-999.0), st.just(0.0), st.floats(0, 30, width=32))
coordinate = st.floats(-5e-3, 5e-3)


@st.composite
def detection(draw: st.DrawFn, ra: float, dec: float) -> dict[str, Any]:
    row = {
        "candid": draw(st.one_of(st.integers(1, 6), st.integers(2**60, 2**60 + 3), st.none())),
        "jd": 2459000.5 + draw(st.one_of(st.integers(-40, 0), st.floats(-40, 0))),
        "ra": draw(st.one_of(st.none(), coordinate.map(lambda offset: (ra + offset) % 360))),
        "dec": draw(st.one_of(st.none(), coordinate.map(lambda offset: dec + offset))),
        "fid": draw(st.sampled_from([1, 1, 2, 2, 3, None])),
        "nid": draw(st.sampled_from([1, 2, 3, 4, None])),
        "isdiffpos": draw(st.sampled_from(["t", "t", "1", "f", "0", None])),
        "magpsf": draw(st.one_of(single_precision, single_precision, st.none(), st.just(math.nan))),
        "sigmapsf": draw(st.one_of(st.floats(0, 1, width=32), st.none())),
        "rb": draw(probability),
        "drb": draw(probability),
        "sgmag1": draw(ps1),
        "srmag1": draw(ps1),
        "sgscore1": draw(ps1),
        "distpsnr1": draw(ps1),
        "ssnamenr": draw(st.sampled_from([None, "null", "(182319)2001OA98", 'a,"b"'])),
        "diffmaglim": 20.5,
    }
    absent = draw(st.sets(st.sampled_from(sorted(row.keys() - {"jd", "candid"})), max_size=2))
    return {name: value for name, value in row.items() if name not in absent}


@st.composite
def light_curve(draw: st.DrawFn) -> list[dict[str, Any]]:
    ra, dec = draw(st.sampled_from([0.0, 359.999, 83.1, 201.7, 266.4])), draw(st.floats(-89, 89))
    rows = draw(st.lists(detection(ra, dec), max_size=12, unique_by=lambda row: (row["jd"], row["candid"])))
    return draw(
        st.sampled_from([rows, [{**row, "isdiffpos": "f"} for row in rows], [{**row, "fid": 2} for row in rows]])
    )


def assert_plain(rows: list[dict[str, Any]], found: dict[str, Any], window: float | None) -> None:
    wanted = reference.features("ZTF18aaaaaaa", rows, window)
    index, found_index = wanted.pop("htm16"), found["htm16"]
    assert (index is None) == (found_index is None)
    if found_index is not None:
        # On an edge rounding decides: the position must lie in the triangle, or not further out than that.
        p = reference.unit(found["ramean"], found["decmean"])
        assert reference.inside(p, reference.htm_triangle(found_index, 16)) > -1e-15
    if wanted["ramean"] is not None and abs(wanted["ramean"] - found["ramean"]) > 180:
        wanted["ramean"] -= 360 * round((wanted["ramean"] - found["ramean"]) / 360)
    assert not unlike(wanted, found, 1e-9, EXACT)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(light_curve(), st.sampled_from([None, 1.0, 7.0, 30.0, 1e-9]))
@example([], None)
@example([{"candid": None, "jd": 2459000.5}], 30.0)
@example([{"candid": 1, "jd": 2459000.5}], 30.0)
def test_the_fast_code_gives_what_the_plain_code_gives(rows: list[dict[str, Any]], window: float | None) -> None:
    curves = LightCurves.from_dicts("ZTF18aaaaaaa", rows, SURVEY.inputs)
    found = compute(SURVEY, curves, window)
    assert not found.failures
    assert_plain(rows, next(found.dicts()), window)


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
    curves = LightCurves.from_dicts("ZTF18aaaaaaa", rows, SURVEY.inputs)
    assert_plain(rows, next(compute(SURVEY, curves, window).dicts()), window)
