"""Light curves from Parquet and from alert packets, and files that are neither."""

import dataclasses
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
from farm.seed.store import tokens
from farm.seed.tables import chunks
from features import survey

ZTF = survey("ztf")
REAL = Path(__file__).parents[3] / "shared" / "data" / "ztf" / "candidates.parquet"


def read(path: Path) -> Rows:
    return every(path)["candidates"]


def every(path: Path) -> dict[str, Rows]:
    return files.read(files.listed([path], ZTF), ZTF)


def detection(**changes: Any) -> dict[str, Any]:
    row = {"objectid": "ZTF18aaaaaaa", "jd": 2458300.5, "candid": 11, "fid": 1, "nid": 546, "ra": 10.0, "dec": -3.0}
    return {**row, "magpsf": 18.0, "sigmapsf": 0.1, "isdiffpos": "t", **changes}


def parquet(path: Path, *rows: dict[str, Any]) -> Path:
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def packet(candidate: dict[str, Any], *history: dict[str, Any]) -> dict[str, Any]:
    """An alert packet as ZTF writes it: camel case, objectId outside the candidate, a history of fewer columns."""
    names = {"objectid": "objectId", "sgmag1": "sgmag1", "ssnamenr": "ssnamenr"}
    inner = [{names.get(name, name): value for name, value in row.items() if name != "objectid"} for row in history]
    outer = {name: value for name, value in candidate.items() if name != "objectid"}
    return {"objectId": candidate["objectid"], "candid": 0, "candidate": outer, "prv_candidates": inner or None}


def avro(path: Path, *packets: dict[str, Any]) -> Path:
    types = {float: "double", int: "long", str: "string"}

    def record(name: str, row: dict[str, Any]) -> dict[str, Any]:
        fields = [{"name": key, "type": ["null", types[type(value)]]} for key, value in row.items()]
        return {"type": "record", "name": name, "fields": fields}

    inner = record("candidate", packets[0]["candidate"])
    earlier = record("prv", {name: value for name, value in packets[0]["candidate"].items() if name != "sgmag1"})
    fields = [
        {"name": "objectId", "type": "string"},
        {"name": "candid", "type": "long"},
        {"name": "candidate", "type": inner},
        {"name": "prv_candidates", "type": ["null", {"type": "array", "items": earlier}]},
    ]
    with path.open("wb") as file:
        fastavro.writer(file, fastavro.parse_schema({"type": "record", "name": "alert", "fields": fields}), packets)
    return path


def test_parquet_gives_rows_in_the_order_of_cassandra(tmp_path: Path) -> None:
    path = parquet(
        tmp_path / "a.parquet",
        *(detection(objectid=name, jd=jd, candid=7) for name in ("ZTF18a", "ZTF18b", "ZTF18c") for jd in (9.5, 2.5)),
    )
    rows = read(path)
    names = rows["objectid"].data[::2]
    assert sorted(names.tolist()) == [b"ZTF18a", b"ZTF18b", b"ZTF18c"]
    assert tokens(names).tolist() == sorted(tokens(names).tolist())
    assert rows["jd"].tolist() == [2.5, 9.5] * 3
    assert set(rows) == set(ZTF.detections.typed)
    assert np.ma.getmaskarray(rows["drb"]).all()


def test_rows_without_a_candid_are_no_detections(tmp_path: Path) -> None:
    rows = read(parquet(tmp_path / "a.parquet", detection(), detection(jd=1.0, candid=None)))
    assert rows["jd"].tolist() == [2458300.5]


def test_of_rows_with_one_key_the_last_one_stays(tmp_path: Path) -> None:
    rows = read(parquet(tmp_path / "a.parquet", detection(), detection(magpsf=17.0), detection(candid=12)))
    assert rows["candid"].tolist() == [11, 12]
    assert rows["magpsf"].tolist() == [17.0, 18.0]


def test_a_folder_gives_the_rows_of_all_its_files(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", detection())
    avro(tmp_path / "b.avro", packet(detection(candid=12, sgmag1=20.5)))
    (tmp_path / "notes.txt").write_text("not read")
    assert read(tmp_path)["candid"].tolist() == [11, 12]


def test_a_packet_gives_its_detection_and_its_history_once(tmp_path: Path) -> None:
    history = [detection(jd=2458299.5, candid=10), detection(jd=2458298.5, candid=None)]
    first = packet(detection(sgmag1=20.5), *history)
    second = packet(detection(jd=2458301.5, candid=13, sgmag1=20.75), *history, detection(magpsf=18.0))
    rows = read(avro(tmp_path / "a.avro", first, second))
    assert rows["candid"].tolist() == [10, 11, 13]
    assert rows["sgmag1"].tolist() == [None, 20.5, 20.75]


def test_what_a_history_lacks_does_not_overwrite_what_the_alert_had(tmp_path: Path) -> None:
    later = packet(detection(jd=2458301.5, candid=13, sgmag1=20.75), detection())
    avro(tmp_path / "1.avro", packet(detection(sgmag1=20.5)))
    avro(tmp_path / "2.avro", later)
    assert read(tmp_path)["sgmag1"].tolist() == [20.5, 20.75]


def test_packets_have_upper_limits_beside_their_detections_each_once(tmp_path: Path) -> None:
    history = [detection(jd=2458299.5, candid=10), detection(jd=2458298.5, candid=None, fid=2)]
    path = avro(
        tmp_path / "a.avro", packet(detection(), *history), packet(detection(jd=2458301.5, candid=13), *history)
    )
    found = every(path)
    assert found.keys() == {"candidates", "noncandidates"}
    rows = found["noncandidates"]
    assert (rows["objectid"].tolist(), rows["jd"].tolist()) == ([b"ZTF18aaaaaaa"], [2458298.5])
    assert (rows["fid"].tolist(), rows["diffmaglim"].tolist()) == ([2], [None])


def test_a_file_named_as_a_table_has_its_rows(tmp_path: Path) -> None:
    parquet(tmp_path / "alerts.parquet", detection())
    limits = [{"objectid": "ZTF18b", "jd": jd, "fid": 2, "nid": 3.0, "diffmaglim": 20.5} for jd in (9.5, 2.5)]
    parquet(tmp_path / "noncandidates.parquet", *limits)
    source = driver.from_files([tmp_path])
    assert source.tables == ("candidates", "noncandidates")
    assert (source.rows, source.objects) == (1, 1)
    detections, beside = source.chunks()
    assert detections["candidates"]["jd"].tolist() == [2458300.5]
    assert beside["noncandidates"]["jd"].tolist() == [2.5, 9.5]
    assert beside["noncandidates"]["nid"].dtype == np.int32


@pytest.mark.realdata
def test_the_real_file_keeps_every_value_and_every_null() -> None:
    rows = read(REAL)
    table = pq.read_table(REAL).to_pydict()
    assert len(rows["jd"]) == 12_644
    keys = zip(rows["objectid"].tolist(), rows["jd"].tolist(), rows["candid"].tolist(), strict=True)
    at = {(name.decode(), jd, candid): row for row, (name, jd, candid) in enumerate(keys)}
    order = [at[key] for key in zip(table["objectid"], table["jd"], table["candid"], strict=True)]
    for name, values in table.items():
        found = [value.decode() if isinstance(value, bytes) else value for value in rows[name][order].tolist()]
        assert found == values, name


def test_chunks_are_all_the_rows_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = read(parquet(tmp_path / "a.parquet", *(detection(candid=number) for number in range(7))))
    monkeypatch.setattr("farm.seed.tables.CHUNK", 3)
    parts = list(chunks({"candidates": rows}))
    assert [part["candidates"]["candid"].tolist() for part in parts] == [[0, 1, 2], [3, 4, 5], [6]]


def missing(path: Path) -> Path:
    return path / "nothing"


def text(path: Path) -> Path:
    (path / "a.parquet").write_text("objectid,jd\n")
    return path / "a.parquet"


def torn_parquet(path: Path) -> Path:
    whole = parquet(path / "a.parquet", detection()).read_bytes()
    (path / "a.parquet").write_bytes(whole[: len(whole) // 2])
    return path / "a.parquet"


def torn_avro(path: Path) -> Path:
    whole = avro(path / "a.avro", packet(detection())).read_bytes()
    (path / "a.avro").write_bytes(whole[: len(whole) // 2])
    return path / "a.avro"


def empty_folder(path: Path) -> Path:
    return path


def another_table(path: Path) -> Path:
    return parquet(path / "a.parquet", {"objectid": "ZTF18a", "jd": 1.0, "diffmaglim": 20.0})


def unknown_column(path: Path) -> Path:
    return parquet(path / "a.parquet", detection(flux=3.0))


def words_for_numbers(path: Path) -> Path:
    return parquet(path / "a.parquet", detection(fid="g"))


def no_time(path: Path) -> Path:
    return parquet(path / "a.parquet", detection(), detection(jd=None))


def no_detection(path: Path) -> Path:
    return parquet(path / "a.parquet", detection(candid=None), detection(candid=None, jd=1.0))


def another_avro(path: Path) -> Path:
    schema = {"type": "record", "name": "user", "fields": [{"name": "name", "type": "string"}]}
    with (path / "a.avro").open("wb") as file:
        fastavro.writer(file, fastavro.parse_schema(schema), [{"name": "somebody"}])
    return path / "a.avro"


def packet_without_brightness(path: Path) -> Path:
    return avro(path / "a.avro", packet({name: value for name, value in detection().items() if name != "magpsf"}))


def test_packets_are_refused_of_a_survey_that_has_none(tmp_path: Path) -> None:
    nowhere = dataclasses.replace(ZTF, name="nowhere")
    found = files.listed([avro(tmp_path / "a.avro", packet(detection()))], nowhere)
    with pytest.raises(InputError, match="nowhere has no alert packets; seed with Parquet files"):
        files.read(found, nowhere)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (missing, "there is no"),
        (text, "neither Parquet nor Avro"),
        (torn_parquet, "cannot be read as Parquet"),
        (torn_avro, "cannot be read as Avro"),
        (empty_folder, r"no \*.parquet and no \*.avro"),
        (another_table, "lacks candid"),
        (unknown_column, "columns that table candidates has not: flux"),
        (words_for_numbers, "column fid is"),
        (no_time, "1 rows have no jd"),
        (no_detection, "has no detection"),
        (packet_without_brightness, "a row of candidates that lacks magpsf"),
        (another_avro, "no alert packet of ztf"),
    ],
)
def test_a_foreign_file_is_an_error_of_one_sentence(tmp_path: Path, make: Any, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        read(make(tmp_path))
    assert "\n" not in str(caught.value)
