"""What a function may yield, and how it is written: nothing is changed on the way, and what does not fit is told."""

import contextlib
import datetime
import decimal
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow as pa
import pytest

from features import survey
from features.curves import LightCurves
from features.errors import InputError
from features.mining import batch, light_curve, table
from features.mining.apply import Applied, Applier
from features.mining.declare import Miner
from features.mining.mine import reading_of

NAMES = [f"o{number}" for number in range(6)]


def curves() -> LightCurves:
    """Of 1, 2, ... detections."""
    start = np.concatenate(([0], np.cumsum(np.arange(1, len(NAMES) + 1))))
    columns = {"jd": np.arange(start[-1], dtype=float), "magpsf": np.full(start[-1], 17.1, np.float32)}
    limits = LightCurves(np.array(NAMES, object), np.arange(len(NAMES) + 1), {"jd": np.arange(6.0, dtype=np.float32)})
    return LightCurves(np.array(NAMES, object), start, columns, others={"noncandidates": limits})


def applied(miner: Miner) -> Applied:
    schema = table.schema("objectId", np.dtype(object), miner.schema) if miner.schema is not None else None
    watch = lambda _low, _high: contextlib.nullcontext()  # noqa: E731
    return Applier(miner, Path("own.py"), "objectId", watch)(curves(), schema)


def one(function: Callable[[Any], Any], **schema: str) -> Applied:
    return applied(light_curve(columns="jd magpsf", schema=schema or None)(function))


def many(function: Callable[[LightCurves], Any], **schema: str) -> Applied:
    return applied(batch(columns="jd magpsf", schema=schema or None)(function))


def rows(found: Applied) -> list[dict[str, Any]]:
    return [row for each in found.rows for row in each.to_pylist()]


def told(found: Applied) -> str:
    """What the only kind of error says."""
    (kind,) = found.kinds
    return f"{kind.kind}\n{kind.traceback}"


ODD: dict[str, tuple[str, Any, Any]] = {
    "a fraction": ("int64", 1, 1.5),
    "a fraction in a list": ("list<int64>", [1], [1, 1.5]),
    "NaN": ("int32", 1, np.nan),
    "too great a float": ("float32", 1.5, 1e300),
    "too great a float in a list": ("list<float32>", [1.5], [1e300]),
    "too great an int": ("int64", 1, 2**63),
    "too great a uint": ("int64", 1, np.uint64(2**63 + 5)),
    "a negative one": ("uint8", 1, -1),
    "a text": ("float64", 1.0, "1.5"),
    "a number": ("string", "a", 1),
    "half a surrogate pair": ("string", "a", "\ud800"),
    "a day beside a time": ("timestamp[us]", datetime.datetime(2020, 1, 1), datetime.date(2020, 1, 1)),
    "a complex number": ("float64", 1.0, 1j),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("by", ["light curve", "row of a batch", "array of a batch"])
def test_a_value_that_would_have_to_be_changed_costs_its_object_alone(odd: str, by: str) -> None:
    kind, good, bad = ODD[odd]
    if by == "light curve":
        found = one(lambda curve: [{"x": bad if curve.id == "o3" else good}], x=kind)
    elif by == "row of a batch":
        found = many(lambda part: [{"objectId": name, "x": bad if name == "o3" else good} for name in part.object_id],
                     x=kind)  # fmt: skip
    else:
        found = many(lambda part: {"x": [bad if name == "o3" else good for name in part.object_id]}, x=kind)
    assert [row["objectId"] for row in rows(found)] == [name for name in NAMES if name != "o3"]
    assert found.failed == 1
    assert "what it yielded as x" in told(found)
    assert "UnfitError: x: " in told(found)
    assert found.kinds[0].objects == ("o3",)


def test_of_an_array_each_object_at_fault_counts_and_loses_all_of_its_rows() -> None:
    def both(part: LightCurves) -> Any:
        yield {"objectId": part.object_id, "x": part.segments.count + np.where(part.segments.count > 4, 0.5, 0.0)}
        yield {"objectId": part.object_id, "x": part.segments.count}

    found = many(both, x="int64")
    assert (found.failed, found.kinds[0].count, found.given) == (2, 2, 6)
    assert sorted((row["objectId"], row["x"]) for row in rows(found)) == [
        (f"o{at}", at + 1) for at in range(4) for _ in range(2)
    ]
    assert many(lambda part: {"x": part.segments.count + 0.5}, x="int64").failed == len(NAMES)


@pytest.mark.parametrize(
    ("value", "kind"),
    [(1.0, "int64"), (1, "float64"), (True, "int32"), ([1], "list<float64>"), (np.float32(1.5), "float64"),
     (np.datetime64("2020-01-01T00:00:00", "ns"), "timestamp[us]"), (np.datetime64("2020-01-01"), "date32"),
     (2**63 + 5, "uint64"), (None, "int8"), ([], "list<string>"), (decimal.Decimal("1.5"), "decimal128(20, 4)"),
     (decimal.Decimal("1.5"), "float64"), (np.array([1], ">f8"), "list<float64>"),
     (datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC), "timestamp[us, tz=UTC]"), (np.inf, "float32")],
)  # fmt: skip
def test_what_is_the_same_in_the_declared_type_fits(value: Any, kind: str) -> None:
    found = one(lambda _: {"x": value}, x=kind)
    assert (found.failed, len(rows(found))) == (0, len(NAMES)), found.kinds
    assert table.types(found.rows[0].schema, "objectId") == {"x": kind}


@pytest.mark.parametrize(
    "written",
    [
        lambda part: {"n": part.segments.count},
        lambda part: [{"n": part.segments.count.tolist()}],
        lambda part: {"objectId": part.object_id.tolist(), "n": tuple(part.segments.count)},
        lambda part: {"n": pandas.Series(part.segments.count), "one": 1},
        lambda part: {"n": part.segments.count.astype(">i4"), "pairs": np.ones((len(part), 2))},
        lambda part: {"objectId": part.object_id, "n": part.segments.count, "time": np.full(6, "2020", "M8[ns]")},
        lambda part: pandas.DataFrame({"objectId": part.object_id, "n": part.segments.count}).to_dict("records"),
        lambda part: [{"objectId": name, "n": part.segments.count[at]} for at, name in enumerate(part.object_id)],
    ],
)
def test_ways_to_write_the_rows_of_a_batch(written: Callable[[LightCurves], Any]) -> None:
    found = many(written)
    assert found.kinds == []
    assert [(row["objectId"], row["n"]) for row in rows(found)] == [(f"o{at}", at + 1) for at in range(6)]


def test_arrays_without_rows_are_no_rows() -> None:
    found = many(lambda part: {"objectId": part.object_id[:0], "other": np.empty(0)}, n="int64")
    assert (rows(found), found.failed, found.given) == ([], 0, 6)


def test_a_row_that_says_its_own_id_may() -> None:
    assert rows(one(lambda curve: {"objectId": curve.id, "n": 1})) == [{"objectId": name, "n": 1} for name in NAMES]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (lambda _: 5, "returned a value of type int: yield dicts"),
        (lambda _: "text", "returned a value of type str: yield dicts"),
        (lambda _: np.ones(3), "returned a value of type ndarray: yield dicts"),
        (lambda _: pandas.DataFrame({"n": [1]}), "type DataFrame: yield dicts.*to_dict"),
        (lambda _: [1.5], "yielded a value of type float"),
        (lambda _: {1: 2}, "the name of a column is text, and 1 is of type int"),
        (lambda _: {"objectId": "another"}, "a row says 'another', and the light curve is that of"),
        (lambda _: {"objectId": None}, "a row says None"),
        (lambda _: {"objectid": "o1", "n": 1}, "differs from it in case alone"),
        (lambda _: {"x": {"a": 1}}, "a value is a dict: yield its items as columns"),
        (lambda _: {"x": decimal.Decimal("1.5")}, "yield float.* of it, or declare its digits"),
    ],
)
def test_what_is_no_row_of_a_light_curve_is_told_in_words(written: Callable[[Any], Any], said: str) -> None:
    found = one(written)
    assert (found.failed, rows(found)) == (len(NAMES), [])
    assert re.search(said, told(found)), told(found)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (lambda _: {"n": 1}, "a row of a batch has no objectId"),
        (lambda part: {"n": part.segments.count[1:]}, "arrays of unlike lengths: {'n': 0}"),
        (lambda _: {"objectId": "another", "n": 1}, "'another' is none of the batch's objects"),
        (lambda _: {"objectId": [None], "n": [1]}, "None is none of the batch's objects"),
    ],
)
def test_what_is_no_row_of_a_batch_is_told_in_words(written: Callable[[Any], Any], said: str) -> None:
    found = many(written)
    assert (found.failed, rows(found)) == (len(NAMES), [])
    assert said in told(found)


def test_a_batch_has_float64_as_a_light_curve_and_its_columns_by_name() -> None:
    def kinds(part: LightCurves) -> Mapping[str, Any]:
        assert part["jd"] is part.columns["jd"]
        assert part["noncandidates.jd"].dtype == part.others["noncandidates"].columns["jd"].dtype == np.float64
        with pytest.raises(KeyError, match="the columns are jd magpsf"):
            part["nothing"]
        return {"kind": np.full(len(part), part["magpsf"].dtype.name)}

    assert {row["kind"] for row in rows(many(kinds))} == {"float64"}


def test_a_message_is_cut_and_can_be_printed() -> None:
    def fails(_: Any) -> Any:
        raise ValueError("\ud800" + "x" * 10_000_000)

    (kind,) = one(fails).kinds
    assert len(kind.traceback) < 5000
    assert "\\ud800xxx" in kind.traceback
    assert "(of 10,000,0" in kind.traceback
    kind.traceback.encode()


def test_columns_are_names_in_a_text_or_a_list() -> None:
    assert light_curve(columns=["jd", "magpsf"])(len).columns == light_curve("jd magpsf")(len).columns


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: light_curve(len), r'write @light_curve\(columns="A B"\)'),  # type: ignore[arg-type]
        (lambda: batch(columns=[1]), r"write @batch\("),  # type: ignore[list-item]
        (lambda: batch("jd", schema={"n": int}), "write names and types as text"),  # type: ignore[dict-item]
    ],
)
def test_a_mark_that_is_not_written_as_it_must_be_is_told_at_once(wrong: Callable[[], Any], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        wrong()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("candidates.magpsf", "columns of candidates go without it, as magpsf"),
        ("objectId", "a light curve has it as curve.id"),
        ("objectid", "a light curve has it as curve.id"),
        ("noncandidates.nothing", "no column noncandidates.nothing: candidates has objectid jd"),
    ],
)
def test_a_column_by_another_name_is_told_its_own(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        reading_of(survey("ztf"), ["jd", name])


def test_a_schema_has_the_key_once() -> None:
    with pytest.raises(InputError, match="objectid beside objectId"):
        table.schema("objectId", np.dtype(object), {"objectid": "string"})
    assert table.schema("objectId", np.dtype(object), {"objectId": "string"}).names == ["objectId"]


def test_types_have_names_that_make_them_again() -> None:
    kinds = {"t": "timestamp[us, tz=UTC]", "d": "decimal128(20, 4)", "day": "date32", "all": "list<list<float32>>",
             "took": "duration[us]", "raw": "binary"}  # fmt: skip
    made = table.schema("objectId", np.dtype(object), kinds)
    assert table.types(made, "objectId") == kinds
    assert made.field("t").type == pa.timestamp("us", "UTC")
