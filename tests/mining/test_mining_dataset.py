"""A dataset of parts, with rows or without, as pandas, Polars, DuckDB and Astropy open it; as one file; as CSV."""

import datetime
import json
import warnings
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from farm.journal import Accepted
from farm.mining import dataset
from features.mining import flat, table

TYPES = {"n": "int64", "x": "float64", "text": "string", "yes": "bool", "many": "list<float64>", "none": "string",
         "names": "list<string>"}  # fmt: skip
FULL = [
    {"objectId": f"o{number}", "n": number, "x": number / 2, "text": "ü" * number, "yes": True,
     "many": [1.0, float("nan"), None], "names": ["a", "long"]}
    for number in range(3)
]  # fmt: skip
NULLS = [{"objectId": "n1", "names": []}, {"objectId": "n2", "names": []}]
PARTS = {"r1": [], "r2": NULLS, "r3": FULL, "r4": []}


def made(folder: Path, parts: dict[str, list[dict[str, Any]]], kind: dataset.Kind, single: bool) -> Path:
    """As a run leaves it."""
    out, incoming = folder / "out", folder / "incoming"
    incoming.mkdir()
    schema = table.schema("objectId", np.dtype(object), TYPES)
    for name, rows in parts.items():
        about = {"farm.task": name, "farm.attempt": "1", "farm.function": "f"}
        with (incoming / f"{name}.1.{kind}").open("wb") as file:
            writer = table.Writer(file, schema, kind, about)
            writer.write(pa.Table.from_pylist(rows, schema))
            writer.close()
    accepted = [Accepted(name, 1, "w1", {}, {}, 1.0) for name in parts]
    dataset.finish(out, incoming, accepted, kind, single, {})
    return out


def test_parts_without_rows_and_of_nulls_alone_are_one_table_with_the_others(tmp_path: Path) -> None:
    out = made(tmp_path, PARTS, "parquet", single=False)
    assert len(list(out.iterdir())) == len(PARTS)
    found = pandas.read_parquet(out).sort_values("objectId", ignore_index=True)
    assert found.objectId.tolist() == ["n1", "n2", "o0", "o1", "o2"]
    assert found.x.sum() == 1.5
    for read in (polars.read_parquet(out), polars.scan_parquet(out).collect()):
        assert sorted(read["objectId"]) == found.objectId.tolist()
        assert (read["x"].sum(), read["none"].null_count()) == (1.5, 5)
    query = f"SELECT count(*), count(n), sum(x), max(len(many)) FROM '{out}/*.parquet'"
    assert duckdb.sql(query).fetchall() == [(5, 3, 1.5, 3)]


def test_one_file_with_texts_that_are_missing_is_read_by_astropy_without_a_warning(tmp_path: Path) -> None:
    out = made(tmp_path, PARTS, "parquet", single=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = Table.read(out, format="parquet")
    assert sorted(found["objectId"]) == ["n1", "n2", "o0", "o1", "o2"]
    rows = {row["objectId"]: row for row in found}
    assert (rows["n1"]["text"], rows["n1"]["none"], rows["o2"]["text"]) == ("None", "None", "üü")
    assert np.isnan(rows["n1"]["x"])
    assert rows["o1"]["names"].tolist() == ["a", "long"]
    assert len(pandas.read_parquet(out)) == len(polars.read_parquet(out)) == 5


def test_one_file_without_rows_is_read_by_astropy(tmp_path: Path) -> None:
    found = Table.read(made(tmp_path, {"r1": [], "r2": []}, "parquet", single=True), format="parquet")
    assert (len(found), found.colnames) == (0, ["objectId", *TYPES])


def test_one_file_says_of_itself_what_all_parts_say_and_nothing_of_a_task(tmp_path: Path) -> None:
    told = pq.read_schema(made(tmp_path, PARTS, "parquet", single=True)).metadata
    assert told[b"farm.function"] == b"f"
    assert told[b"table::len::objectId"] == b"2"
    assert not {b"farm.task", b"farm.attempt"} & told.keys()


@pytest.mark.parametrize("single", [False, True])
def test_csv_is_one_table_and_has_lists_as_json(tmp_path: Path, single: bool) -> None:
    out = made(tmp_path, PARTS, "csv", single)
    if single:
        found = pandas.read_csv(out)
    else:
        found = pandas.concat(map(pandas.read_csv, sorted(out.iterdir())), ignore_index=True)
    names = sorted(found.objectId)
    assert names == ["n1", "n2", "o0", "o1", "o2"]
    assert json.loads(found.set_index("objectId").loc["o1", "many"]) == [1.0, None, None]
    where = str(out) if single else f"{out}/*.csv"
    types = {"x": polars.Float64, "yes": polars.Boolean}
    read = polars.read_csv(where, schema_overrides=types)
    assert (sorted(read["objectId"]), read["x"].sum()) == (names, 1.5)
    query = f"SELECT count(*), sum(x) FROM read_csv('{where}', header=true, types={{'x': 'DOUBLE'}})"
    assert duckdb.sql(query).fetchall() == [(5, 1.5)]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_csv_has_the_longest_durations_too(unit: str) -> None:
    longest = pa.array([2**62, None], pa.duration(unit))
    (found,) = flat.rows(pa.table({"took": longest})).columns
    assert found.to_pylist() == [2.0**62 / {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit], None]


def test_csv_has_durations_in_seconds_and_bytes_as_digits(tmp_path: Path) -> None:
    types = {"took": "duration[us]", "data": "binary", "when": "timestamp[us]", "nested": "list<list<timestamp[us]>>"}
    schema = table.schema("objectId", np.dtype(np.int64), types)
    when = datetime.datetime(2020, 1, 2, 3)
    row = {"objectId": 7, "took": datetime.timedelta(seconds=1.5), "data": b"\xff\0", "when": when, "nested": [[when]]}
    file, same = tmp_path / "rows.csv", tmp_path / "rows.parquet"
    rows = pa.Table.from_pylist([row, {"objectId": 8}], schema)
    for path in (file, same):
        with path.open("wb") as target:
            writer = table.Writer(target, schema, path.suffix[1:], {})
            writer.write(rows)
            writer.close()
    assert pq.read_table(same).equals(rows), "Parquet has all types as they are"
    first, second = pandas.read_csv(file).to_dict("records")
    assert (first["took"], first["data"], first["when"]) == (1.5, "ff00", "2020-01-02 03:00:00.000000")
    assert json.loads(first["nested"]) == [["2020-01-02 03:00:00"]]
    assert np.isnan(second["took"])
