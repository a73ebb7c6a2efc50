"""python -m features: files in, files out, and what it says of files that are not what they should be."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_features_plain import wide_rows

import features
from features.__main__ import main
from features.curves import LightCurves
from features.declare import Feature, family

SURVEY = features.survey("ztf")
TYPES = {"ascii": pa.string(), "float": pa.float32(), "double": pa.float64(), "int": pa.int32(), "bigint": pa.int64()}
ROWS = [
    {"objectid": name, "ssnamenr": None, "sgmag1": 17.5, "srmag1": -999.0, "sgscore1": 0.0, "distpsnr1": None, **row}
    for seed, name in enumerate(("ZTF18aaaaaab", "ZTF18aaaaaaa", "ZTF18aaaaaac"))
    for row in wide_rows(10 + seed, seed)
]
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    def run(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    kinds = {column.name: TYPES[column.cql] for column in SURVEY.detections.columns}
    schema = pa.schema([(name, kinds[name.lower()]) for name in rows[0]])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return path


def csv_file(path: Path, rows: list[dict[str, Any]]) -> Path:
    lines = [rows[0].keys(), *(("" if value is None else str(value) for value in row.values()) for row in rows)]
    path.write_text("".join(",".join(line) + "\n" for line in lines))
    return path


def features_file(path: Path, rows: list[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def test_parquet_and_csv_say_the_same(cli: Cli, tmp_path: Path) -> None:
    sources = (parquet(tmp_path / "in.parquet", ROWS), csv_file(tmp_path / "in.csv", ROWS))
    results = []
    for source in sources:
        for ending in ("parquet", "csv"):
            out = tmp_path / f"{source.suffix[1:]}.{ending}"
            code, said, progress = cli("compute", "--candidates", source, "--window", "all", "--out", out)
            assert (code, said) == (0, "")
            assert "3 objects from 33 detections" in progress
            results.append(out)
    assert results[0].read_bytes() == results[2].read_bytes()
    assert results[1].read_bytes() == results[3].read_bytes()
    code, said, _ = cli("diff", results[0], results[1])
    assert (code, said) == (0, f"3 objects in both; 0 of {len(SURVEY.features)} features changed\n")


def test_the_window_is_in_days(cli: Cli, tmp_path: Path) -> None:
    source = parquet(tmp_path / "in.parquet", ROWS)
    for window, expected in (("all", [11, 10, 12]), ("0.001", [1, 1, 1])):
        cli("compute", "--candidates", source, "--window", window, "--out", tmp_path / "out.parquet")
        assert pq.read_table(tmp_path / "out.parquet").column("ncand").to_pylist() == expected


@pytest.mark.parametrize("window", ["month", "-1", "0", "nan", "inf"])
def test_a_window_that_is_none_is_refused(window: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["compute", "--candidates", "x.csv", f"--window={window}", "--out", "y.csv"])
    assert "--window" in capsys.readouterr().err


def test_names_of_columns_may_be_in_upper_case(cli: Cli, tmp_path: Path) -> None:
    rows = [{"objectId" if name == "objectid" else name: value for name, value in row.items()} for row in ROWS]
    code, _, _ = cli(
        "compute", "--candidates", parquet(tmp_path / "in.parquet", rows), "--window", 30, "--out", tmp_path / "o.csv"
    )
    assert code == 0


def bad_files(folder: Path) -> dict[str, Path]:
    folder.mkdir(exist_ok=True)
    (folder / "text.parquet").write_text("not parquet")
    (folder / "binary.csv").write_bytes(b"\xff\xfe\x00\x80")
    (folder / "short.csv").write_text("objectid,jd\nZTF18aaaaaaa\n")
    (folder / "other.csv").write_text("name,age\nx,1\n")
    (folder / "empty.csv").write_text("")
    (folder / "x.fits").write_text("")
    csv_file(folder / "number.csv", [ROWS[0], {**ROWS[0], "jd": "yesterday"}])
    csv_file(folder / "nobody.csv", [{**ROWS[0], "objectid": None}])
    features_file(folder / "texts.parquet", [{**ROWS[0], "jd": "yesterday"}])
    return {path.name: path for path in folder.iterdir()} | {
        "absent.parquet": folder / "absent.parquet",
        "folder.csv": folder,
    }


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("absent.parquet", "No such file"),
        ("text.parquet", "not a Parquet file"),
        ("binary.csv", "not a CSV file"),
        ("other.csv", "no column objectid, jd, candid"),
        ("empty.csv", "no column objectid, jd, candid"),
        ("x.fits", "neither in .parquet nor in .csv"),
        ("number.csv", "line 3: 'yesterday' is no value of jd"),
        ("nobody.csv", "rows without objectid: 1, the first one is row"),
        ("texts.parquet", "column jd is string"),
    ],
)
def test_a_file_that_is_not_detections_ends_in_one_clear_sentence(
    name: str, said: str, cli: Cli, tmp_path: Path
) -> None:
    path = bad_files(tmp_path / "bad")[name]
    code, out, error = cli("compute", "--candidates", path, "--window", "all", "--out", tmp_path / "out.csv")
    assert (code, out) == (17, "")
    assert error.startswith(str(path))
    assert said in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "out.csv").exists()


def test_whole_numbers_that_a_float_has_rounded_are_refused(cli: Cli, tmp_path: Path) -> None:
    limit = 1 << 53

    def compute(ids: list[float], kind: Any) -> tuple[int, str, str]:
        rows = pa.Table.from_pylist([{**ROWS[0], "jd": 2.46e6 + at} for at in range(len(ids))])
        rows = rows.set_column(rows.column_names.index("candid"), "candid", pa.array(ids, pa.float64()).cast(kind))
        pq.write_table(rows, tmp_path / "in.parquet")
        return cli("compute", "--candidates", tmp_path / "in.parquet", "--window", "all", "--out", tmp_path / "o.csv")

    for ids, kind in (([1, limit], pa.float64()), ([-limit, 1], pa.float64()), ([1 << 24], pa.float32())):
        code, _, error = compute([float(each) for each in ids], kind)
        assert code == 17
        assert f"column candid is {kind}, which has lost digits of whole numbers from" in error
        assert "store it as int64" in error
    for odd in (1.5, float("nan")):
        assert "column candid is double, which cannot be read as int64" in compute([odd], pa.float64())[2]
    assert compute([1.0, limit - 1.0], pa.float64())[0] == 0
    number = csv_file(tmp_path / "in.csv", [{**ROWS[0], "candid": 1e17}])
    code, _, error = cli("compute", "--candidates", number, "--window", "all", "--out", tmp_path / "o.csv")
    assert (code, "line 2: '1e+17' is no value of candid" in error) == (17, True)


@pytest.mark.parametrize("tolerance", ["nan", "inf", "-1", "few"])
def test_a_tolerance_that_is_none_is_refused(tolerance: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["diff", "old.csv", "new.csv", f"--tolerance={tolerance}"])
    assert ended.value.code == 2
    assert "--tolerance" in capsys.readouterr().err


def test_a_line_of_another_length_is_named(cli: Cli, tmp_path: Path) -> None:
    path = csv_file(tmp_path / "in.csv", ROWS)
    path.write_text(path.read_text() + "ZTF18aaaaaaa,1\n")
    code, _, error = cli("compute", "--candidates", path, "--window", "all", "--out", tmp_path / "out.csv")
    assert code == 17
    assert "line 35: 2 fields where the header has 17" in error


@pytest.mark.parametrize("out", ["out.fits", "no/such/folder/out.csv", "no/such/folder/out.parquet"])
def test_a_file_that_cannot_be_written_is_named(out: str, cli: Cli, tmp_path: Path) -> None:
    source = parquet(tmp_path / "in.parquet", ROWS)
    code, _, error = cli("compute", "--candidates", source, "--window", "all", "--out", tmp_path / out)
    assert code == 17
    assert error.startswith(str(tmp_path / out))


OLD = [
    {"objectId": f"ZTF18{n}", "ncand": 5, "gmag": 18.0, "ramean": 10.0, "ssnamenr": None, "rmag": None, "jdmin": 1.0}
    for n in "abcdef"
]


def test_diff_says_a_feature_a_line_how_much_changed_and_where(cli: Cli, tmp_path: Path) -> None:
    new = [dict(row) for row in OLD]
    for row, mag in zip(new, (18.5, 18.25, 17.0, None, 18.0, 18.0), strict=True):
        row["gmag"] = mag
    new[1]["ssnamenr"] = "Ceres"
    new[2]["rmag"] = 0.0
    new[3]["ncand"] = 6
    files = features_file(tmp_path / "old.parquet", OLD), features_file(tmp_path / "new.parquet", new)
    code, said, _ = cli("diff", *files, "--json")
    found = json.loads(said)
    assert (code, found["schema"], found["objects"]) == (0, 1, 6)
    by_name = {each.pop("name"): each for each in found["features"]}
    assert by_name["gmag"] == {
        "changed": 4, "greatest": 1.0, "median": 0.5, "became_null": 1, "ceased_null": 0,
        "worst": [
            {"object_id": "ZTF18c", "old": 18.0, "new": 17.0},
            {"object_id": "ZTF18a", "old": 18.0, "new": 18.5},
            {"object_id": "ZTF18b", "old": 18.0, "new": 18.25},
        ],
    }  # fmt: skip
    assert (by_name["rmag"]["changed"], by_name["rmag"]["ceased_null"], by_name["rmag"]["greatest"]) == (1, 1, None)
    assert by_name["ncand"]["worst"] == [{"object_id": "ZTF18d", "old": 5, "new": 6}]
    assert by_name["ssnamenr"]["worst"] == [{"object_id": "ZTF18b", "old": None, "new": "Ceres"}]
    assert (by_name["jdmin"]["changed"], by_name["ramean"]["changed"]) == (0, 0)
    _, table, _ = cli("diff", *files)
    lines = {line.split()[0]: line for line in table.splitlines()}
    assert lines["gmag"].split()[1:6] == ["4", "1", "0.5", "1", "0"]
    assert "ZTF18c 18 -> 17" in lines["gmag"]
    assert "ZTF18c NULL -> 0" in lines["rmag"]
    assert "jdmin" not in lines
    assert table.splitlines()[-1] == "6 objects in both; 4 of 6 features changed"


def test_diff_names_objects_and_features_that_one_file_lacks(cli: Cli, tmp_path: Path) -> None:
    new = [{name: value for name, value in row.items() if name != "jdmin"} | {"jdmax": 2.0} for row in OLD[1:]]
    old = features_file(tmp_path / "old.parquet", OLD[:-1])
    _, said, _ = cli("diff", old, features_file(tmp_path / "new.parquet", new))
    assert said.splitlines() == [
        "4 objects in both; 0 of 5 features changed",
        "objects only in the old file (1): ZTF18a",
        "objects only in the new file (1): ZTF18f",
        "features only in the old file: jdmin",
        "features only in the new file: jdmax",
    ]


def test_diff_compares_what_the_table_would_hold(cli: Cli, tmp_path: Path) -> None:
    new = [{**row, "gmag": row["gmag"] * (1 + 1e-9), "ramean": row["ramean"] * (1 + 1e-9)} for row in OLD]
    files = features_file(tmp_path / "old.parquet", OLD), features_file(tmp_path / "new.parquet", new)
    _, said, _ = cli("diff", *files, "--json")
    assert {each["name"] for each in json.loads(said)["features"] if each["changed"]} == {"ramean"}
    _, said, _ = cli("diff", *files, "--tolerance", "1e-8")
    assert said == "6 objects in both; 0 of 6 features changed\n"


def test_diff_refuses_an_object_that_stands_twice(cli: Cli, tmp_path: Path) -> None:
    old = features_file(tmp_path / "old.parquet", [*OLD, OLD[2]])
    code, _, error = cli("diff", old, features_file(tmp_path / "new.parquet", OLD))
    assert code == 17
    assert "the old file has ZTF18c more than once" in error


def test_diff_refuses_a_file_without_objects(cli: Cli, tmp_path: Path) -> None:
    path = bad_files(tmp_path / "bad")["other.csv"]
    code, _, error = cli("diff", path, path)
    assert code == 17
    assert "no column objectId" in error


def test_the_schema_is_printed_for_other_programs(cli: Cli) -> None:
    from features import schema
    from features.docs import page

    assert cli("ddl") == (0, schema.ddl(SURVEY), "")
    assert cli("ddl", "--survey", "ztf", "--table", "new")[1].startswith("CREATE TABLE IF NOT EXISTS `new` (")
    assert cli("cql", "--keyspace", "lasair")[1] == "".join(schema.cql_ddl(each, "lasair") for each in SURVEY.tables)
    assert cli("hash") == (0, schema.schema_hash(SURVEY) + "\n", "")
    assert cli("docs")[1] == page()


def test_a_feature_that_cannot_be_computed_is_told_and_the_rest_is_written(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @family(Feature("careful", "float", "", "never", "", ""), needs="jd")
    def careful(curves: LightCurves) -> Any:
        raise ZeroDivisionError("no good")

    survey = dataclasses.replace(SURVEY, families=(*SURVEY.families, careful))
    monkeypatch.setattr(features, "survey", lambda *_told: survey)
    source, out = parquet(tmp_path / "in.parquet", ROWS), tmp_path / "out.parquet"
    code, _, error = cli("compute", "--candidates", source, "--window", "all", "--out", out)
    assert code == 17
    assert "3 values are missing because their function failed, the first one careful of ZTF18aaaaaaa" in error
    table = pq.read_table(out)
    assert table.column("careful").to_pylist() == [None] * 3
    assert table.column("ncand").to_pylist() == [11, 10, 12]


def test_a_reader_that_has_seen_enough_ends_it_without_a_word() -> None:
    command = f"{sys.executable} -m features docs | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("# Features of")
    assert done.stderr == ""


@pytest.mark.parametrize("words", ["hash", "ddl", "docs"])
def test_a_full_disk_behind_the_output_is_a_sentence(words: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "features", words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60,
            check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (
        17,
        "the output cannot be written (No space left on device): make room there, or write elsewhere\n",
    )


def test_a_closed_output_is_a_sentence() -> None:
    command = ["/bin/sh", "-c", f"exec {sys.executable} -m features hash >&-"]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr.startswith("standard output is closed")) == (17, True)
