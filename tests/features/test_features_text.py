"""The CSV of a part: what LOAD DATA reads is what was computed."""

import dataclasses
import io
import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import features
from features.batch import LightCurves, Rows, compute
from features.declare import Feature
from features.text import csv_text, write_header, write_rows

SURVEY = features.survey("ztf")
ORDER = SURVEY.detections.clustering
DOUBLE, FLOAT, INT, TEXT = (
    Feature(name, sql, "", "", "", "")
    for name, sql in (("d", "double"), ("f", "float"), ("i", "bigint(20)"), ("t", "varchar(16)"))
)


def line_of(**values: Any) -> list[str]:
    """The fields of one row with the values of d, f, i and t; None is missing."""
    columns = (DOUBLE, FLOAT, INT, TEXT)
    survey = dataclasses.replace(SURVEY)
    survey.__dict__["features"] = columns
    arrays = {}
    for column in columns:
        value = values.get(column.name)
        arrays[column.name] = np.array([{"O": "x"}.get(column.dtype.kind, 0) if value is None else value], column.dtype)
    missing = {column.name: np.array([values.get(column.name) is None]) for column in columns}
    rows = Rows(survey, np.array(["ZTF18aaaaaaa"], object), arrays, missing)
    text = csv_text(rows)
    assert text.endswith("\n")
    return text.removesuffix("\n").removeprefix("ZTF18aaaaaaa,").split(",", 3)


def test_what_is_missing_is_null() -> None:
    assert line_of() == [r"\N"] * 4


def test_zero_is_zero() -> None:
    assert line_of(d=0.0, f=0.0, i=0, t="") == ["0.0", "0", "0", ""]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_reads_back_as_itself(value: float) -> None:
    assert struct.pack("<d", float(line_of(d=value)[0])) == struct.pack("<d", value)


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_a_float_reads_back_as_the_same_single(value: float) -> None:
    assert np.float32(float(line_of(f=value)[1])).tobytes() == np.float32(value).tobytes()


def test_nine_digits_tell_every_single_apart() -> None:
    draw = np.random.default_rng(1)
    values = (draw.uniform(-1, 1, 500) * 10.0 ** draw.integers(-20, 20, 500)).astype(np.float32)
    texts = [line_of(f=float(value))[1] for value in values]
    np.testing.assert_array_equal(np.array(texts, np.float32), values)


@given(st.floats(1e-30, 1e30))
def test_a_float_has_at_most_nine_digits(value: float) -> None:
    digits = line_of(f=value)[1].split("e")[0].replace(".", "").lstrip("-0")
    assert len(digits) <= 9


@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_single_is_written_as_one_that_the_server_takes(sign: int) -> None:
    largest = float(np.finfo(np.float32).max)
    written = float(line_of(f=sign * largest)[1])
    assert abs(written) <= largest
    assert np.float32(written) == np.float32(sign * largest)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e39])
def test_what_single_precision_cannot_hold_is_null(value: float) -> None:
    assert line_of(f=value)[1] == r"\N"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("(182319)2001OA98", "(182319)2001OA98"),
        ("12345678901234567", "1234567890123456"),
        ("a,b", '"a,b"'),
        ('say "x"', '"say ""x"""'),
        ("a\\b", r'"a\\b"'),
        ("two\nlines", '"two\nlines"'),
        ("NULL", '"NULL"'),
        ("null", "null"),
        ("NULLS", "NULLS"),
    ],
)
def test_text_is_cut_to_its_column_and_quoted_only_where_needed(value: str, expected: str) -> None:
    assert line_of(t=value)[3] == expected


def test_an_id_of_an_htm_triangle_keeps_all_its_digits() -> None:
    assert line_of(i=2**53 + 1)[2] == str(2**53 + 1)


def test_a_part_is_its_header_and_a_line_an_object() -> None:
    rows = [{"candid": n, "jd": 2459000.5 + n, "magpsf": 18.0, "fid": 1} for n in range(3)]
    curves = LightCurves.from_dicts("ZTF18aaaaaaa", rows, SURVEY.inputs, ORDER)
    file = io.BytesIO()
    write_header(SURVEY, file)
    assert write_rows(compute(SURVEY, curves, None), file) == 1
    assert write_rows(compute(SURVEY, curves.take(slice(0, 0)), None), file) == 0
    header, line, end = file.getvalue().decode().split("\n")
    assert end == ""
    assert header.split(",") == [column.name for column in SURVEY.columns]
    fields = dict(zip(header.split(","), line.split(","), strict=True))
    assert fields["objectId"] == "ZTF18aaaaaaa"
    assert (fields["gmag"], fields["ncand"], fields["jdmax"], fields["rmag"]) == ("18", "3", "2459002.5", r"\N")


def test_what_is_computed_is_never_nan_or_infinite() -> None:
    rows = [
        {"candid": n, "jd": jd, "fid": 1, "isdiffpos": "t", "magpsf": mag, "ra": ra, "dec": 1e300, "sgmag1": mag}
        for n, (jd, mag, ra) in enumerate(
            [(2459000.5, 1e308, math.inf), (2459000.5, -1e308, 1.0), (1e300, math.inf, 2.0)]
        )
    ]
    found = compute(SURVEY, LightCurves.from_dicts("ZTF18aaaaaaa", rows, SURVEY.inputs, ORDER), None)
    assert not found.failures
    assert not {"nan", "inf", "-inf"} & set(csv_text(found).strip().split(","))
