"""Rubin's alert packets and files of tables: what they hold becomes rows of LSST's tables."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from farm.errors import InputError
from farm.seed import driver, files
from farm.seed.rows import Rows
from farm.seed.simulate import light_curves
from features import survey
from features.declare import Table

LSST = survey("lsst")
SOURCES, FORCED, OBJECTS = LSST.tables
AVRO = {"double": "double", "float": "float", "bigint": "long", "int": "int", "boolean": "boolean", "ascii": "string"}


def names(table: Table) -> dict[str, str]:
    """A table's columns, and what a packet calls them."""
    return {name: "dec" if name == "decl" else name for name in table.typed}


def record(table: Table) -> dict[str, Any]:
    fields = [
        {"name": packed, "type": ["null", AVRO[table.typed[name].cql]], "default": None}
        for name, packed in names(table).items()
    ]
    return {"type": "record", "name": f"lsst.v10_0.{table.name[:-1]}", "fields": fields}


def avro(path: Path, *packets: Mapping[str, Any]) -> Path:
    """A file of packets, by the columns that the tables declare."""
    source, forced = record(SOURCES), record(FORCED)
    fields = [
        {"name": "diaSourceId", "type": "long"},
        {"name": "diaSource", "type": source},
        {"name": "prvDiaSources", "type": ["null", {"type": "array", "items": source["name"]}]},
        {"name": "prvDiaForcedSources", "type": ["null", {"type": "array", "items": forced}]},
        {"name": "diaObject", "type": ["null", record(OBJECTS)]},
        {"name": "cutoutScience", "type": ["null", "bytes"], "default": None},
    ]
    schema = fastavro.parse_schema({"type": "record", "name": "lsst.v10_0.alert", "fields": fields})
    with path.open("wb") as file:
        fastavro.writer(file, schema, packets)
    return path


def packed(table: Table, **values: Any) -> dict[str, Any]:
    return {names(table)[name]: value for name, value in values.items()}


def source(mjd: float, number: int, **values: Any) -> dict[str, Any]:
    return packed(SOURCES, diaObjectId=7, midpointMjdTai=mjd, diaSourceId=number, ra=1.0, decl=-5.0, **values)


def packet(triggering: dict[str, Any], *earlier: dict[str, Any], **values: Any) -> dict[str, Any]:
    found = packed(OBJECTS, diaObjectId=7, ra=1.0, decl=-5.0, nDiaSources=1 + len(earlier))
    made = {"diaSourceId": triggering["diaSourceId"], "diaSource": triggering, "prvDiaSources": list(earlier) or None}
    return made | {"prvDiaForcedSources": None, "diaObject": found} | values


def read(path: Path) -> dict[str, Rows]:
    return files.read(files.listed([path], LSST), LSST)


def of_object(table: Table, rows: Rows, number: int) -> list[dict[str, Any]]:
    """Rows of one object as a packet has them."""
    at = np.flatnonzero(np.ma.getdata(rows[table.key.name]) == number)
    columns = {name: [plain(table, name, each) for each in values[at].tolist()] for name, values in rows.items()}
    return [packed(table, **dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]


def plain(table: Table, name: str, value: Any) -> Any:
    """A value of the simulation, which has flags as numbers."""
    if table.typed[name].cql == "boolean" and value is not None:
        return bool(value)
    return value.decode() if isinstance(value, bytes) else value


def test_packets_of_simulated_light_curves_give_these_again(tmp_path: Path) -> None:
    (made,) = light_curves(LSST, 20, 300, 4)
    for number in np.unique(np.ma.getdata(made["diaSources"]["diaObjectId"])).tolist():
        *earlier, last = of_object(SOURCES, made["diaSources"], number)
        forced = of_object(FORCED, made["diaForcedSources"], number)
        (found,) = of_object(OBJECTS, made["diaObjects"], number)
        avro(tmp_path / f"{number}.avro", packet(last, *earlier, prvDiaForcedSources=forced, diaObject=found))
    arrived = read(tmp_path)
    assert arrived.keys() == made.keys()
    for name in made:
        assert made[name].keys() <= arrived[name].keys()
        for column, sent in made[name].items():
            there = ~np.ma.getmaskarray(sent)
            assert (there == ~np.ma.getmaskarray(arrived[name][column])).all(), column
            found = np.ma.getdata(arrived[name][column])[there]
            np.testing.assert_array_equal(found, np.ma.getdata(sent)[there].astype(found.dtype), column)


def test_of_an_object_the_latest_packet_says_how_it_is_whatever_the_order_of_the_files(tmp_path: Path) -> None:
    earlier = source(60001.0, 1, band="g", snr=5.5)
    avro(tmp_path / "1.avro", packet(source(60002.0, 2, band="r"), {**earlier, "snr": None}))
    avro(tmp_path / "2.avro", packet(earlier))
    arrived = read(tmp_path)
    assert arrived["diaObjects"]["nDiaSources"].tolist() == [2]
    assert arrived["diaSources"]["diaSourceId"].tolist() == [1, 2]
    assert arrived["diaSources"]["snr"].tolist() == [5.5, None]
    assert arrived["diaSources"]["decl"].tolist() == [-5.0, -5.0]


def test_an_alert_of_a_minor_planet_is_of_no_object(tmp_path: Path) -> None:
    avro(tmp_path / "a.avro", packet(source(60001.0, 1, band="g") | {"diaObjectId": None}, diaObject=None))
    with pytest.raises(InputError, match="has no detection"):
        read(tmp_path)
    avro(tmp_path / "b.avro", packet(source(60002.0, 2, band="r")))
    assert read(tmp_path)["diaSources"]["diaSourceId"].tolist() == [2]


def test_of_a_folder_with_a_file_a_table_others_are_left_out_and_named(tmp_path: Path) -> None:
    rows = {"diaObjectId": [7], "midpointMjdTai": [60000.0], "diaSourceId": [1], "ra": [1.0], "decl": [2.0]}
    rows |= {"band": ["g"], "psfFlux": [3.0], "psfFluxErr": [0.5]}
    pq.write_table(pa.table(rows), tmp_path / "diaSources.parquet")
    pq.write_table(pa.table({"diaObjectId": [7], "ra": [1.0], "decl": [2.0]}), tmp_path / "diaObjects.parquet")
    pq.write_table(pa.table({"diaObjectId": [7], "ebv": [0.1]}), tmp_path / "inputs.parquet")
    source = driver.from_files([tmp_path], "lsst")
    assert source.tables == ("diaSources", "diaObjects")
    assert source.what == f"{tmp_path} without inputs.parquet"
    with pytest.raises(InputError, match="no file of rows of diaSources: it lacks midpointMjdTai"):
        driver.from_files([tmp_path / "inputs.parquet"], "lsst")


def test_ids_that_a_float_has_rounded_are_refused(tmp_path: Path) -> None:
    rows = {"midpointMjdTai": [60000.0] * 2, "diaSourceId": [1, 2], "ra": [1.0] * 2, "decl": [2.0] * 2}
    rows |= {"band": ["g"] * 2, "psfFlux": [3.0] * 2, "psfFluxErr": [0.5] * 2}
    ids = pa.array([float((1 << 53) + 2), 7.0])
    pq.write_table(pa.table({"diaObjectId": ids, **rows}), tmp_path / "diaSources.parquet")
    with pytest.raises(InputError, match="column diaObjectId is double, which has lost digits of whole numbers"):
        read(tmp_path / "diaSources.parquet")


def test_packets_of_one_survey_are_none_of_another(tmp_path: Path) -> None:
    avro(tmp_path / "a.avro", packet(source(60001.0, 1, band="g")))
    with pytest.raises(InputError, match="no alert packet of ztf: it has no 'candidate'"):
        driver.from_files([tmp_path], "ztf")
