"""From light curves in Cassandra to rows in Galera, by the commands that a user types."""

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from command import farm
from light_curves import REAL_DATA, Seeded
from provisioning import answer

from farm.runs import find
from features import survey

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

AVERAGES = {f"mag_{band}{days}" for band in "gr" for days in ("02", "08", "28")}


@pytest.fixture(scope="module")
def rebuilt(seeded: Seeded) -> Any:
    return farm("rebuild", "--inventory", "lab", "--json").json()


@pytest.fixture(scope="module")
def loaded(rebuilt: Any) -> Any:
    return farm("load", rebuilt["run"], "--inventory", "lab", "--json").json()


def test_every_object_and_every_row_is_rebuilt_once(seeded: Seeded, rebuilt: Any) -> None:
    assert rebuilt["results"]["objects"] == seeded.objects
    assert rebuilt["results"]["rows"] == seeded.rows
    assert rebuilt["submitted"] == rebuilt["done"]
    assert sum(share["done"] for share in rebuilt["workers"].values()) == rebuilt["done"]
    assert all(share["done"] for share in rebuilt["workers"].values())


def test_every_row_and_column_is_read_back_from_another_node(seeded: Seeded, loaded: Any) -> None:
    load, verify = loaded["load"], loaded["verify"]
    assert verify["compared"] == verify["equal"] == loaded["rows"] == seeded.objects
    assert verify["columns"] == len(survey("ztf").columns)
    assert load["node"] not in verify["nodes"]
    counts = [load[name] for name in ("inserted", "updated", "unchanged", "guarded", "rejected", "absent")]
    assert sum(counts) == loaded["rows"]


def test_loading_the_same_run_again_changes_nothing(loaded: Any) -> None:
    again = farm("load", loaded["run"], "--inventory", "lab", "--json").json()
    assert again["load"]["unchanged"] == again["rows"]
    assert again["load"]["inserted"] == again["load"]["updated"] == 0


def test_guarded_objects_are_rebuilt_by_the_command_that_the_load_prints(loaded: Any) -> None:
    part = next(find("lab", loaded["run"]).parts.glob("*.csv"))
    further = [line.partition(",")[0] for line in part.read_text().splitlines()[1:3]]
    move = f"UPDATE objects SET jdmax = jdmax {{}} 1 WHERE objectId IN ('{further[0]}', '{further[1]}')"
    answer("g1", "mariadb ztf", move.format("+"))
    try:
        load = farm("load", loaded["run"], "--inventory", "lab")
        assert load.code == 0, load.stderr
        assert " + 2 guarded + " in load.stdout
        command = next(line for line in load.stdout.splitlines() if ": farm rebuild --objects " in line)
        again = farm(*shlex.split(command.partition(": farm ")[2]), "--json").json()
        assert again["results"]["objects"] == 2
    finally:
        answer("g1", "mariadb ztf", move.format("-"))


@pytest.mark.realdata
def test_galera_holds_what_the_real_pipeline_computes(loaded: Any, tmp_path: Path) -> None:
    out = tmp_path / "objects.parquet"
    assert farm("export", "--inventory", "lab", "--out", str(out)).code == 0
    expected = pq.read_table(REAL_DATA / "ztf" / "expected_candidates_30d.parquet").to_pydict()
    table = pq.read_table(out)
    found = table.to_pydict()
    row_of = {name: row for row, name in enumerate(found["objectId"])}
    rows = [row_of[name] for name in expected["objectId"]]
    assert set(expected) == {*survey("ztf").order, "objectId"}
    for name, wanted in expected.items():
        got = [found[name][row] for row in rows]
        if name in AVERAGES:
            band = "g" if "_g" in name else "r"
            empty = [value is None for value in expected[f"{band}mag"]]
            assert all(value is None for value, gone in zip(got, empty, strict=True) if gone), name
            wanted = [None if gone else value for value, gone in zip(wanted, empty, strict=True)]
        compare(name, got, wanted, single=str(table.schema.field(name).type) == "float")


def compare(name: str, got: list[Any], wanted: list[Any], single: bool) -> None:
    """NULLs, integers and strings exactly; doubles to 1e-9, floats as the column's type holds them."""
    assert [value is None for value in got] == [value is None for value in wanted], name
    pairs = [(have, want) for have, want in zip(got, wanted, strict=True) if want is not None]
    if not pairs or not isinstance(pairs[0][1], float):
        assert all(have == want for have, want in pairs), name
        return
    have, want = (np.array(side, dtype=np.float64) for side in zip(*pairs, strict=True))
    if single:
        want = want.astype(np.float32).astype(np.float64)
    np.testing.assert_allclose(have, want, rtol=2e-7 if single else 1e-9, atol=0, err_msg=name)
