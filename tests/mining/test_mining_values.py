"""Values are those of the moment in which they are yielded, light curves are read-only, and no value ends a run."""

import datetime
import decimal
import io
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_mining_yielded import NAMES, curves, many, one, rows, told

from features.curves import LightCurves
from features.errors import InputError
from features.mining import batch, table
from features.mining.apply import Applied, Applier
from features.mining.values import DEPTH

COUNTS = [1, 2, 3, 4, 5, 6]
OWN = "light curve"


def filled_again(_: Any) -> Iterator[dict[str, Any]]:
    buffer = np.zeros(2)
    for number in range(2):
        buffer[:] = number
        yield {"x": buffer}


def a_view_of_what_changes(_: Any) -> Iterator[dict[str, Any]]:
    magnitude = np.zeros(10)
    for number in range(2):
        magnitude[:] = number
        yield {"x": magnitude[3:5]}


def a_row_again(curve: Any) -> Iterator[dict[str, Any]]:
    row: dict[str, Any] = {"objectId": curve.id}
    for number in range(2):
        row["x"] = [number, number]
        yield row


def a_list_again(_: Any) -> Iterator[dict[str, Any]]:
    values: list[float] = []
    for number in range(2):
        values.clear()
        values += [number, number]
        yield {"x": values}


def an_array_of_objects_again(_: Any) -> Iterator[dict[str, Any]]:
    values = np.empty(2, object)
    for number in range(2):
        values[:] = number
        yield {"x": values}


@pytest.mark.parametrize(
    "function", [filled_again, a_view_of_what_changes, a_row_again, a_list_again, an_array_of_objects_again]
)  # fmt: skip
def test_what_is_yielded_again_with_other_values_is_as_it_was_each_time(function: Callable[[Any], Any]) -> None:
    found = one(function, x="list<float64>")
    assert found.kinds == []
    assert [row["x"] for row in rows(found)] == [[0, 0], [1, 1]] * len(NAMES)


def test_lists_in_lists_are_as_they_were() -> None:
    def function(_: Any) -> Iterator[dict[str, Any]]:
        inner = np.zeros(1)
        yield {"x": [[inner], [inner]]}
        inner[:] = 5

    assert rows(one(function))[0]["x"] == [[[0.0]], [[0.0]]]


@pytest.mark.parametrize("made", [np.array, list, lambda values: np.array(values, object), np.ma.array])
def test_arrays_of_a_batch_are_as_they_were(made: Callable[[Any], Any]) -> None:
    def function(part: LightCurves) -> Iterator[dict[str, Any]]:
        n, names = made([0] * len(part)), part.object_id.copy()
        for band in (1, 2):
            n[:] = [band] * len(part)
            yield {"objectId": names, "band": band, "n": n}
            n[:] = [7] * len(part)
        names[:] = names[0]

    found = rows(many(function))
    assert sorted((row["objectId"], row["n"]) for row in found) == [(name, n) for name in NAMES for n in (1, 2)]
    assert all(row["band"] == row["n"] for row in found)


def fails_on_one(part: LightCurves) -> Any:
    if "o4" in part.object_id:
        raise ValueError("this one")
    yield {"x": part.segments.reduce(np.fmax, part["magpsf"])}


@pytest.mark.parametrize(
    "change",
    [
        lambda part: part["jd"].__isub__(1),
        lambda part: part.others["noncandidates"]["jd"].__isub__(1),
        lambda part: part.object_id.__setitem__(0, "x"),
    ],
)
def test_a_light_curve_is_read_only(change: Callable[[LightCurves], Any]) -> None:
    found = many(change)
    assert (found.failed, rows(found)) == (len(NAMES), [])
    assert "read-only" in told(found)


def test_one_light_curve_is_read_only_and_a_copy_is_not() -> None:
    assert "ValueError: sort array is read-only" in told(one(lambda curve: curve["jd"].sort()))
    assert "read-only" in told(one(lambda curve: curve["noncandidates.jd"].__setitem__(0, 1.0)))
    assert one(lambda curve: curve["jd"].copy().sort()).failed == 0


def test_what_was_given_stays_as_it_is() -> None:
    given = curves()
    many(fails_on_one)
    assert given["jd"].flags.writeable


def test_what_a_batch_adds_is_gone_when_the_halves_are_tried() -> None:
    def function(part: LightCurves) -> Any:
        columns: Any = part.columns
        columns["seen"] = columns.get("seen", 0) + 1
        yield from fails_on_one(part)
        yield {"seen": np.full(len(part), columns["seen"])}

    assert {row.get("seen") for row in rows(many(function))} == {None, 1}


def nested(levels: int) -> Any:
    value: Any = 1.5
    for _ in range(levels):
        value = [value]
    return value


def endless(kind: Callable[[], Any]) -> Any:
    value = kind()
    value.append(value)
    return value


class Own:
    """Like a sequence of itself without end."""

    def __getitem__(self, _: int) -> "Own":
        return self

    def __len__(self) -> int:
        return 1


class Interrupts:
    def __repr__(self) -> str:
        raise KeyboardInterrupt


NO_VALUES: list[tuple[Callable[[], Any], str]] = [
    (lambda: nested(DEPTH + 1), "lists in more than 32 levels of lists"),
    (lambda: nested(20_000), "lists in more than 32 levels"),
    (lambda: np.ones((1,) * 33), "lists in more than 32 levels"),
    (lambda: endless(list), "lists in more than 32 levels"),
    (lambda: endless(deque), "lists in more than 32 levels"),
    (Own, "a table holds no value of type Own"),
    (Interrupts, "a table holds no value of type Interrupts"),
    (lambda: [Interrupts()], "a table holds no value of type Interrupts"),
    (lambda: uuid.UUID(int=5), "a table holds no value of type UUID: yield str(value)"),
    (lambda: [uuid.UUID(int=5)], "a table holds no value of type UUID"),
    (lambda: np.array([uuid.UUID(int=5)], object), "a table holds no value of type UUID"),
    (lambda: {1.5, 2.5}, "a table holds no value of type set"),
    (lambda: 1j, "a table holds no value of type complex"),
    (lambda: np.complex64(1j), "a table holds no value of type complex64"),
    (lambda: np.longdouble("1.1"), "a table holds no value of type longdouble"),
    (lambda: np.zeros(1, "i4,i4"), "a table holds no value of type ndarray of "),
    (lambda: {"a": {"b": 1}}, "a value is a dict"),
    (lambda: [{"a": 1}], "a value is a dict"),
]


@pytest.mark.parametrize("by", [OWN, "batch"])
@pytest.mark.parametrize(("made", "said"), NO_VALUES)
def test_a_value_that_no_table_holds_costs_its_object_alone(by: str, made: Callable[[], Any], said: str) -> None:
    if by == OWN:
        found = one(lambda curve: {"x": made() if curve.id == "o3" else 1})
    else:
        found = many(lambda part: [{"objectId": each, "x": made() if each == "o3" else 1} for each in part.object_id])
    assert [row["objectId"] for row in rows(found)] == [name for name in NAMES if name != "o3"]
    assert (found.failed, found.kinds[0].objects) == (1, ("o3",))
    assert said in told(found)


@pytest.mark.parametrize("raised", [SystemExit, KeyboardInterrupt])
def test_a_value_that_ends_programs_when_it_is_shown_costs_its_object(raised: type[BaseException]) -> None:
    class Ends(float):
        def __repr__(self) -> str:
            raise raised

    found = one(lambda curve: {"x": [Ends(1), "a"] if curve.id == "o3" else [1.0]}, x="list<float64>")
    assert [row["objectId"] for row in rows(found)] == [name for name in NAMES if name != "o3"]
    assert (found.failed, found.kinds[0].objects) == (1, ("o3",))
    assert one(lambda _: {"x": Ends(2)}, x="float64").failed == 0


def test_as_many_levels_of_lists_as_may_be_are_packed_written_and_read() -> None:
    found = one(lambda _: {"x": nested(DEPTH)})
    (made,) = found.rows
    assert table.unpacked(table.packed(made)) == made
    assert table.schema("objectId", np.dtype(object), table.types(made.schema, "objectId"))[1] == made.schema[1]
    file = io.BytesIO()
    pq.write_table(made, file)
    assert pq.read_table(file)["x"].to_pylist() == [nested(DEPTH)] * len(NAMES)


@pytest.mark.parametrize("levels", [DEPTH + 1, 20_000])
def test_a_schema_of_more_levels_is_refused(levels: int) -> None:
    with pytest.raises(InputError, match="lists in more than 32 levels"):
        table.schema("objectId", np.dtype(object), {"x": "list<" * levels + "int64" + ">" * levels})


@pytest.mark.parametrize("kind", ["decimal128(5, 1)", "list<decimal128(5, 1)>"])
@pytest.mark.parametrize("by", [OWN, "batch"])
def test_a_fraction_with_more_digits_than_a_decimal_has_costs_its_object(kind: str, by: str) -> None:
    def value(name: str) -> Any:
        made = 1.27 if name == "o3" else 1.3
        return [made] if kind.startswith("list") else made

    if by == OWN:
        found = one(lambda curve: {"x": value(curve.id)}, x=kind)
    else:
        found = many(lambda part: {"x": [value(name) for name in part.object_id]}, x=kind)
    assert "has more digits than" in told(found)
    assert "1.27" in told(found)
    assert {str(row["x"]) for row in rows(found)} == {str([decimal.Decimal("1.3")] if "list" in kind else "1.3")}


@pytest.mark.parametrize("written", ["0001-01-01", "2020-01-01", "9999-12-31", "NaT"])
@pytest.mark.parametrize("made", [lambda day: day, np.array])
def test_a_day_is_a_day(written: str, made: Callable[[Any], Any]) -> None:
    day = np.datetime64(written, "D")
    (single,) = one(lambda _: {"x": made(day)}).rows
    assert single["x"].to_pylist() == [day.tolist()] * len(NAMES)
    (listed,) = one(lambda _: {"x": [made(day)]}, x="list<date32>").rows
    assert listed["x"].to_pylist() == [[day.tolist()]] * len(NAMES)


@pytest.mark.parametrize(
    "value", [np.datetime64("20000-01-01"), np.datetime64("-0044-03-15"), np.datetime64("10000-01-01T00", "us"),
              np.datetime64(2**62, "s"), np.datetime64(-(2**62), "ms")]
)  # fmt: skip
@pytest.mark.parametrize("made", [lambda value: value, lambda value: [value], lambda value: np.array([value])])
def test_a_time_that_not_every_file_holds_costs_its_object(value: Any, made: Callable[[Any], Any]) -> None:
    good = np.zeros(1, value.dtype)[0]
    found = one(lambda curve: {"x": made(value if curve.id == "o3" else good)})
    assert [row["objectId"] for row in rows(found)] == [name for name in NAMES if name != "o3"]
    assert (found.failed, "a time before the year 1 or after 9999" in told(found)) == (1, True)
    assert many(lambda part: {"x": np.full(len(part), value)}).failed == len(NAMES)


def test_times_in_arrays_of_arrays_are_times() -> None:
    found = many(lambda part: {"x": np.full((len(part), 2), "2020-01-01T00:00:00", "M8[us]")})
    assert rows(found)[0]["x"] == [datetime.datetime(2020, 1, 1)] * 2


def test_of_masked_times_some_are_missing() -> None:
    found = many(lambda part: {"x": np.ma.array(np.zeros(len(part), "M8[us]"), mask=np.arange(len(part)) > 0)})
    assert [row["x"] for row in rows(found)] == [datetime.datetime(1970, 1, 1), *[None] * 5]
    listed = rows(one(lambda _: {"x": np.ma.array(np.zeros(2, "M8[us]"), mask=[False, True])}))
    assert listed[0]["x"] == [datetime.datetime(1970, 1, 1), None]


NOON = datetime.datetime(2020, 1, 1, 12)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("date32", NOON.date(), 1.5),
        ("date32", NOON.date(), NOON),
        ("timestamp[us]", NOON, 1),
        ("timestamp[us]", NOON, NOON.replace(tzinfo=datetime.UTC)),
        ("timestamp[us, tz=UTC]", NOON.replace(tzinfo=datetime.UTC), NOON),
        ("time64[us]", NOON.time(), np.datetime64("20000-01-01")),
        ("duration[us]", datetime.timedelta(1), decimal.Decimal("1.5")),
        ("binary", b"a", "a"),
    ],
)
@pytest.mark.parametrize("listed", [False, True])
def test_what_stands_beside_times_is_not_taken_for_one(kind: str, good: Any, bad: Any, listed: bool) -> None:
    def value(name: str) -> Any:
        made = bad if name == "o3" else good
        return [good, made] if listed else made

    found = one(lambda curve: {"x": value(curve.id)}, x=f"list<{kind}>" if listed else kind)
    assert [row["objectId"] for row in rows(found)] == [name for name in NAMES if name != "o3"]
    assert found.failed == 1


def numbered(function: Callable[[LightCurves], Any]) -> Applied:
    """Of a survey whose keys are whole numbers."""
    ids = np.array([2**53 + 1, *range(5)])
    miner = batch(columns="jd")(function)
    return Applier(miner, Path("own.py"), "diaObjectId", lambda _low, _high: nullcontext())(
        replace(curves(), object_id=ids, others={}), None
    )


@pytest.mark.parametrize(
    "written",
    [
        lambda part: {"diaObjectId": part.object_id.astype(float), "n": part.segments.count},
        lambda part: [{"diaObjectId": float(each), "n": 1} for each in part.object_id],
        lambda part: {"diaObjectId": [float(each) for each in part.object_id], "n": part.segments.count},
        lambda part: [{"diaObjectId": np.float64(each), "n": 1} for each in part.object_id],
    ],
)
def test_a_key_that_is_a_whole_number_is_none_with_a_point(written: Callable[[LightCurves], Any]) -> None:
    found = numbered(written)
    assert (found.failed, found.rows) == (6, [])
    assert "is of type float, and the objects' ids are whole numbers" in told(found)


@pytest.mark.parametrize("kind", [np.int32, np.uint64, object])
def test_a_key_has_the_type_of_the_survey_s_however_it_is_written(kind: Any) -> None:
    found = numbered(lambda part: {"diaObjectId": part.object_id[1:].astype(kind), "n": part.segments.count[1:]}
                     if len(part) > 1 else [{"diaObjectId": kind(part.object_id[0]), "n": 1}])  # fmt: skip
    assert found.kinds == []
    assert {each.schema.field("diaObjectId").type for each in found.rows} == {pa.int64()}
