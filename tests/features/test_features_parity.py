"""Every feature of every real object, as the real pipeline computes it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import reference
from conftest import TABLES, ZTF, unlike

import features
from features.__main__ import main
from features.ztf import create_features

AVERAGES = [f"mag_{band}{days}" for band in "gr" for days in ("02", "08", "28")]

pytestmark = pytest.mark.realdata


def expected(table: str, window: str) -> dict[str, dict[str, Any]]:
    """The pipeline's values, without the zeros that it has for the moving averages of a band without a detection."""
    rows = pq.read_table(ZTF / f"expected_{table}_{window}.parquet").to_pylist()
    for row in rows:
        for name in AVERAGES:
            if row[f"{name[4]}mag"] is None:
                assert row[name] == 0
                row[name] = None
    return {row["objectId"]: row for row in rows}


@pytest.mark.parametrize("ending", ["parquet", "csv"])
@pytest.mark.parametrize("window", ["all", "30d"])
@pytest.mark.parametrize("table", TABLES)
def test_the_values_are_the_pipelines(table: str, window: str, ending: str, tmp_path: Path) -> None:
    out = tmp_path / f"out.{ending}"
    days = window.removesuffix("d")
    assert main(["compute", "--candidates", f"{ZTF}/{table}.parquet", "--window", days, "--out", str(out)]) == 0
    wanted = expected(table, window)
    found = pq.read_table(out).to_pylist() if ending == "parquet" else csv_rows(out)
    assert [row["objectId"] for row in found] == sorted(wanted)
    single = {column.name for column in features.survey("ztf").columns if column.sql == "float"}
    for row in found:
        differences = unlike(wanted[row["objectId"]], row)
        if ending == "csv":
            differences = {
                name: pair for name, pair in differences.items() if name not in single or not same_single(*pair)
            }
        assert not differences, row["objectId"]


def same_single(expected: float | None, found: float | None) -> np.bool_ | bool:
    """Whether ``found`` is ``expected`` in single precision."""
    return expected is not None and found is not None and np.float32(expected) == np.float32(found)


def csv_rows(path: Path) -> list[dict[str, Any]]:
    """A part read back by the types of the declarations; floats hold single precision."""
    kinds = {"double": float, "float": float, "int": int, "bigint(20)": int, "varchar(16)": str}
    header, *lines = path.read_text().splitlines()
    columns = features.survey("ztf").columns
    assert header.split(",") == [column.name for column in columns]
    return [
        {
            column.name: None if field == r"\N" else kinds[column.sql](field)
            for column, field in zip(columns, line.split(","), strict=True)
        }
        for line in lines
    ]


@pytest.mark.parametrize("table", TABLES)
def test_one_object_as_a_pipeline_gives_it_is_the_pipelines_too(table: str, real_rows: Any) -> None:
    wanted = expected(table, "all")
    for object_id, rows in list(real_rows[table].items())[::10]:
        assert not unlike(wanted[object_id], create_features(object_id, rows))


@pytest.mark.parametrize("window", ["all", "30d"])
def test_the_reference_is_the_pipelines_too(window: str, real_rows: Any) -> None:
    wanted = expected("candidates", window)
    days = None if window == "all" else 30
    for object_id, rows in list(real_rows["candidates"].items())[::10]:
        assert not unlike(wanted[object_id], reference.features(object_id, rows, days))


def test_the_declared_tables_are_productions() -> None:
    survey = features.survey("ztf")
    header, *lines = (ZTF / "candidates_columns.csv").read_text().splitlines()
    assert [f"{column.name},{column.cql}" for column in survey.detections.columns] == [
        line.rsplit(",", 1)[0] for line in lines
    ]
    header, *lines = (ZTF / "objects_columns.csv").read_text().splitlines()
    assert header == "name,sql_type,index"
    keys = {survey.key.name: "primary", **{index.columns[0]: "index" for index in survey.indexes}}
    declared = [f"{column.name},{column.sql},{keys.get(column.name, '')}" for column in survey.columns]
    assert lines == declared[: len(lines)], "features that production lacks come last"


def test_diff_of_the_pipelines_values_and_ours_names_the_moving_averages_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new.parquet"
    main(["compute", "--candidates", f"{ZTF}/candidates.parquet", "--window", "all", "--out", str(out)])
    capsys.readouterr()
    main(["diff", f"{ZTF}/expected_candidates_all.parquet", str(out), "--tolerance", "1e-9", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["objects"] == 1606
    assert {each["name"] for each in found["features"] if each["changed"]} == set(AVERAGES)
    for each in found["features"]:
        assert each["changed"] == each["became_null"]
        assert each["ceased_null"] == 0
