"""Values at their SQL type: what counts as the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.load.columns import BadFieldError, Values, differing, distance, parse
from farm.load.options import EVERYTHING
from farm.load.sql import Statements
from farm.load.verify import Wanted
from features import survey

DOUBLES = st.floats(allow_nan=False, allow_infinity=False)
LARGE = float(np.float32(3.4e38))
FLOATS = st.floats(-LARGE, LARGE, width=32)


@given(st.lists(st.none() | DOUBLES, min_size=1))
def test_a_double_is_the_same_from_its_shortest_text(values: list[float | None]) -> None:
    found = parse("double", [None if value is None else repr(value) for value in values])
    assert [None if null else value for value, null in zip(found.data, found.null, strict=True)] == values


@given(st.lists(st.none() | FLOATS, min_size=1))
def test_a_float_in_nine_digits_is_the_float_that_the_server_prints_in_full(values: list[float | None]) -> None:
    part = parse("float", [None if value is None else f"{value:.9g}" for value in values])
    table = parse("float", [None if value is None else repr(value).encode() for value in values])
    assert part.data.dtype == np.float32
    assert not differing(part, table).any()


@pytest.mark.parametrize("sign", ["", "-"])
def test_the_largest_float_is_taken_and_nothing_beyond_it(sign: str) -> None:
    part, table = (parse("float", [sign + text]) for text in ("3.40282346e+38", "3.4028234663852886e38"))
    assert not differing(part, table).any()
    with pytest.raises(BadFieldError, match="beyond the range of float"):
        parse("float", [f"{sign}3.40282347e+38"])


def test_the_next_float_is_another_one() -> None:
    value = np.float32(18.25)
    near = parse("float", [f"{np.nextafter(value, np.float32(99)):.9g}"])
    assert differing(parse("float", ["18.25"]), near).tolist() == [True]


def test_a_double_that_differs_in_its_last_bit_differs() -> None:
    assert differing(parse("double", ["0.1"]), parse("double", [repr(np.nextafter(0.1, 1).item())])).all()


def test_null_and_zero_differ_and_two_nulls_do_not() -> None:
    one, other = parse("int", [None, None, "0"]), parse("int", [None, "0", None])
    assert differing(one, other).tolist() == [False, True, True]


def test_zero_and_minus_zero_are_the_same() -> None:
    assert not differing(parse("double", ["0.0"]), parse("double", ["-0.0"])).any()


def test_text_is_compared_with_its_case() -> None:
    assert differing(parse("varchar(16)", ["a", None]), parse("varchar(16)", [b"A", None])).tolist() == [True, False]


def test_zeros_become_null_where_the_table_has_them_so_but_not_in_text() -> None:
    assert parse("float", ["0", "-0", "1"]).without_zeros().null.tolist() == [True, True, False]
    assert parse("int(11)", ["0", None]).without_zeros().null.tolist() == [True, True]
    assert parse("varchar(16)", ["0"]).without_zeros().null.tolist() == [False]


def test_the_distance_is_relative_and_infinite_for_null_and_text() -> None:
    assert distance(parse("double", ["2"]), parse("double", ["1"]), 0) == pytest.approx(0.5)
    assert distance(parse("double", ["2"]), parse("double", [None]), 0) == float("inf")
    assert distance(parse("varchar(9)", ["a"]), parse("varchar(9)", ["b"]), 0) == float("inf")


def test_the_first_bad_field_is_named() -> None:
    with pytest.raises(BadFieldError) as raised:
        parse("double", ["1", None, "x", "y"])
    assert (raised.value.row, raised.value.why) == (2, "'x' is not a number")


def test_a_long_bad_field_is_shown_in_part() -> None:
    with pytest.raises(BadFieldError) as raised:
        parse("int", ["7" * 1000])
    assert len(raised.value.why) < 120


def test_a_column_without_rows_has_its_type() -> None:
    found: Values = parse("float", [])
    assert found.data.dtype == np.float32
    assert len(found.null) == 0


def test_a_zero_stays_where_a_column_cannot_be_null() -> None:
    lsst = survey("lsst")
    filled = Statements(lsst, True, "null").fill
    assert "`jump1` = NULLIF(" in filled
    assert "`htm16` = NULLIF(" not in filled
    zero = Values(np.array([0]), np.array([False]))
    held = Wanted(lsst, EVERYTHING, no_zeros=True, same_window=True).of({"htm16": zero, "nSourcesGood": zero})
    assert (held["htm16"].null.tolist(), held["nSourcesGood"].null.tolist()) == ([False], [True])
