"""rebuild_objects as a command: arguments, exit codes, messages."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from farm.errors import Exit as FarmExit
from features.curves import null
from features.errors import InputError
from features.rebuild.cluster import native
from features.rebuild.errors import Exit
from features.rebuild.settings import load

SETTINGS = {
    "contact_points": ["127.0.0.1"], "port": 1, "local_dc": "datacenter1", "keyspace": "lasair",
    "consistency": "LOCAL_QUORUM", "username": "farm_reader", "password": "hush-hush", "tls": None,
}  # fmt: skip


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "features.rebuild.main", *arguments], capture_output=True, text=True, check=False
    )


def test_exit_codes_are_those_of_the_toolkit() -> None:
    for code in Exit:
        assert FarmExit[code.name] == code
    assert InputError.exit == FarmExit.INPUT


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--range", "5:5", "--window", "30", "--out", "a.csv"], "no LO:HI"),
        (["--range", "-9223372036854775809:5", "--window", "30", "--out", "a.csv"], "no LO:HI"),
        (["--range", "0:1", "--window", "-3", "--out", "a.csv"], "neither a number of days"),
        (["--range", "0:1", "--window", "nan", "--out", "a.csv"], "neither a number of days"),
        (["--range", "0:1", "--window", "30", "--out", "a.txt"], "does not end in .csv"),
        (["--range", "0:1", "--objects", "b", "--window", "30", "--out", "a.csv"], "not allowed with"),
        (["--window", "30", "--out", "a.csv"], "one of the arguments"),
        (["--range", "0:1"], "--window and --out are needed"),
    ],
)
def test_wrong_arguments_are_usage_errors(arguments: list[str], says: str) -> None:
    done = command(*arguments)
    assert done.returncode == Exit.USAGE
    assert says in done.stderr


def test_a_cassandra_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "cassandra.json").write_text(json.dumps(SETTINGS))
    done = command("--check", "--cassandra", str(tmp_path / "cassandra.json"))
    assert done.returncode == Exit.CASSANDRA
    assert "Cassandra at 127.0.0.1 port 1 is not there" in done.stderr
    assert "Traceback" not in done.stderr
    assert "hush-hush" not in done.stderr


@pytest.mark.parametrize("text", [None, "no json", "[]", json.dumps({"port": 9042})])
def test_settings_that_cannot_be_read_are_one_sentence(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "cassandra.json").write_text(text)
    done = command("--check", "--cassandra", str(tmp_path / "cassandra.json"))
    assert done.returncode == Exit.INPUT
    assert "cassandra.json" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("change", [{"contact_points": []}, {"keyspace": "a; b"}, {"consistency": "MOST"}])
def test_settings_that_make_no_sense_are_refused(tmp_path: Path, change: dict[str, object]) -> None:
    (tmp_path / "cassandra.json").write_text(json.dumps(SETTINGS | change))
    with pytest.raises(InputError):
        load(tmp_path / "cassandra.json")


def test_settings_show_no_password(tmp_path: Path) -> None:
    (tmp_path / "cassandra.json").write_text(json.dumps(SETTINGS))
    assert "hush" not in repr(load(tmp_path / "cassandra.json"))


@pytest.mark.parametrize("text", ["", "\n\n", "ZTF18é"])
def test_a_list_of_objects_that_cannot_be_used_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "cassandra.json").write_text(json.dumps(SETTINGS))
    (tmp_path / "ids").write_text(text, encoding="utf-8")
    out = str(tmp_path / "a.csv")
    given = ["--objects", str(tmp_path / "ids"), "--window", "all", "--out", out]
    done = command(*given, "--cassandra", str(tmp_path / "cassandra.json"))
    assert done.returncode == Exit.INPUT
    assert "list of objects" in done.stderr
    assert not Path(out).exists()


@pytest.mark.parametrize("code", [">i8", ">i4", ">f8", ">f4"])
def test_numbers_come_out_in_the_machine_s_order_of_bytes(code: str) -> None:
    found = native(np.ma.array(np.array([1, -2, 300], dtype=code), mask=[False] * 3))
    assert found.dtype == np.dtype(code).newbyteorder("=")
    assert found.tolist() == [1, -2, 300]


@pytest.mark.parametrize(("code", "kind"), [(">i4", "f8"), (">f8", "f8"), (">f4", "f4")])
def test_a_number_that_is_null_is_nan(code: str, kind: str) -> None:
    found = native(np.ma.array(np.array([1, 2], dtype=code), mask=[False, True]))
    assert found.dtype == np.dtype(kind)
    assert found[0] == 1
    assert np.isnan(found[1])


@pytest.mark.parametrize("code", [">f8", ">f4"])
def test_a_number_that_is_null_is_told_from_one_that_is_not_a_number(code: str) -> None:
    found = native(np.ma.array(np.array([1, np.nan, 2], dtype=code), mask=[False, False, True]))
    joined = np.concatenate([found, found[::-1].copy()])[np.arange(6)]
    assert null(joined).tolist() == [False, False, True, True, False, False]
    assert np.isnan(joined).tolist() == [False, True, True, True, True, False]


def test_a_survey_without_the_original_s_defects_is_not_computed_with_them(tmp_path: Path) -> None:
    done = command("--range", "0:1", "--as-lasair", "--window", "30", "--out", str(tmp_path / "a.csv"))
    assert done.returncode == Exit.INPUT
    assert done.stderr == (
        "rebuild_objects: survey ztf keeps none of the original code's defects: leave out --as-lasair\n"
    )
