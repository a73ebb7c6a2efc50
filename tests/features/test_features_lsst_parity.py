"""Every LSST feature of every real object, as Lasair computes it."""

import csv
from pathlib import Path
from typing import Any

import lsst_reference
import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import unlike
from lsst_columns import curves_of
from lsst_curves import Object

import features
from features.__main__ import main
from features.batch import compute
from features.files import read_features
from features.lsst import create_features

LSST = Path(__file__).parents[3] / "shared" / "data" / "lsst"
SURVEY = features.survey("lsst")
CORRECTED = {
    *("jump1", "jump2", "absMag", "absMagMJD"),
    *(f"{which}Pair{name}" for which in ("latest", "penultimate") for name in ("MJD", "ColourMag", "ColourBands")),
    *("latestPairColourTemp", "penultimatePairColourTemp", "BBBPeakAbsMag", "BBBPeakMJD"),
}

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def real() -> dict[int, Object]:
    """diaObjectId to what is known of it."""
    told: dict[str, dict[int, list[Any]]] = {}
    for table in SURVEY.tables:
        by_object = told.setdefault(table.name, {})
        for row in pq.read_table(LSST / f"{table.name}.parquet", columns=list(SURVEY.reads[table.name])).to_pylist():
            by_object.setdefault(row["diaObjectId"], []).append(row)
    inputs = {row["diaObjectId"]: row for row in pq.read_table(LSST / "inputs.parquet").to_pylist()}
    return {
        key: Object(
            rows,
            told["diaForcedSources"].get(key, ()),
            told["diaObjects"][key][0],
            inputs[key]["ebv"],
            inputs[key]["sherlock"],
        )
        for key, rows in told["diaSources"].items()
    }


@pytest.fixture(scope="module")
def expected() -> dict[int, dict[str, Any]]:
    """diaObjectId to Lasair's values, without the fits that another rounding changes."""
    stable = {row["diaObjectId"]: row["bbb_stable"] for row in pq.read_table(LSST / "inputs.parquet").to_pylist()}
    return {
        row["diaObjectId"]: {
            name: value for name, value in row.items() if stable[row["diaObjectId"]] or not name.startswith("BBB")
        }
        for row in pq.read_table(LSST / "expected_lsst.parquet").to_pylist()
    }


def test_the_values_are_lasairs(real: Any, expected: Any) -> None:
    rows = compute(SURVEY.with_originals(), curves_of(real), None)
    assert not rows.failures
    assert sorted(rows.object_id.tolist()) == sorted(expected)
    for row in rows.dicts():
        assert not unlike(expected[row["diaObjectId"]], row, 1e-6), row["diaObjectId"]


def test_what_is_put_right_is_what_is_told(real: Any, expected: Any) -> None:
    changed: set[str] = set()
    rows = compute(SURVEY, curves_of(real), None)
    assert not rows.failures
    for row in rows.dicts():
        changed |= unlike(expected[row["diaObjectId"]], row, 1e-6).keys()
    assert {"jump1", "jump2", "latestPairColourTemp", "penultimatePairColourBands", "absMag"} <= changed <= CORRECTED


def test_one_object_as_a_pipeline_gives_it_is_lasairs_too(real: Any, expected: Any) -> None:
    for key in list(real)[::12]:
        each = real[key]
        found = create_features(each.row, each.sources, each.forced, each.ebv, each.sherlock, as_lasair=True)
        assert not unlike(expected[key], found, 1e-6), key


def test_the_reference_is_lasairs_too(real: Any, expected: Any) -> None:
    for key, each in list(real.items())[::3]:
        found = lsst_reference.features(each.row, each.sources, each.forced, each.ebv, each.sherlock, as_lasair=True)
        wanted = {name: value for name, value in expected[key].items() if name in found}
        assert len(found) == len(SURVEY.features)
        assert not unlike(wanted, found, 1e-6), key


def test_the_declared_tables_are_lasairs() -> None:
    for table in SURVEY.tables:
        with (LSST / f"{table.name}_columns.csv").open() as file:
            told = {row["name"]: row["cql_type"] for row in csv.DictReader(file)}
        assert {column.name: column.cql for column in table.columns} == told
    with (LSST / "objects_columns.csv").open() as file:
        told_columns = [
            (row["name"], row["sql_type"], row["in_expected"], row["extra"]) for row in csv.DictReader(file)
        ]
    assert [(column.name, column.sql) for column in SURVEY.table] == [row[:2] for row in told_columns]
    assert [column.name for column in SURVEY.columns] == [row[0] for row in told_columns if row[2] == "yes"]
    assert [column.default for column in SURVEY.table] == [row[3] or "DEFAULT NULL" for row in told_columns]
    assert len(SURVEY.columns) == 127


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_the_command_gives_lasairs_values_of_the_files(ending: str, expected: Any, tmp_path: Path) -> None:
    out = tmp_path / f"out.{ending}"
    told = [
        "compute",
        "--survey",
        "lsst",
        "--as-lasair",
        "--candidates",
        str(LSST),
        "--window",
        "all",
        "--out",
        str(out),
    ]
    assert main(told) == 0
    columns = read_features(SURVEY, out)
    singles = {column.name for column in SURVEY.columns if column.sql == "float"}
    assert list(columns) == [column.name for column in SURVEY.columns]
    assert columns["diaObjectId"].tolist() == sorted(expected)
    for place, key in enumerate(columns["diaObjectId"].tolist()):
        found = {name: column[place : place + 1].tolist()[0] for name, column in columns.items()}
        wanted = {
            name: float(np.float32(value)) if name in singles and value is not None else value
            for name, value in expected[key].items()
        }
        assert not unlike(wanted, found, 1e-6), key
    assert main(["diff", "--survey", "lsst", str(out), str(out), "--tolerance", "1e-6"]) == 0
