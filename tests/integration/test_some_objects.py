"""A rebuild of the objects that a file names, or that a condition on the table selects."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command import farm
from light_curves import Seeded

from farm import objects
from farm.errors import Exit, InputError
from farm.galera import Account, Node, connect, read_account
from farm.home import Home
from farm.runs import Run

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]
GHOST = "ZTF00nobody"


@pytest.fixture(scope="module")
def account(seeded: Seeded) -> Account:
    """With the table loaded from a rebuild of everything."""
    run = farm("rebuild", "--inventory", "lab", "--json").json()["run"]
    assert farm("load", run, "--inventory", "lab").code == 0
    return read_account(Home("lab").secret("galera_reader.cnf"))


@pytest.fixture
def reader(account: Account) -> Iterator[Node]:
    with connect(account) as node:
        yield node


def ids(node: Node, condition: str) -> list[str]:
    return [each for (each,) in node.rows(f"SELECT objectId FROM objects WHERE {condition} ORDER BY objectId")]


def in_parts(run: str) -> list[str]:
    found = []
    for part in Run("lab", run).parts.glob("*.csv"):
        with part.open(newline="") as file:
            found += [row["objectId"] for row in csv.DictReader(file)]
    return sorted(found)


def loads_unchanged(run: str, number: int) -> bool:
    load: Any = farm("load", run, "--inventory", "lab", "--json").json()["load"]
    return bool(load["unchanged"] == number)


def test_a_file_s_objects_are_rebuilt_as_in_a_whole_rebuild_and_one_without_rows_is_unread(
    reader: Node, tmp_path: Path
) -> None:
    names = ids(reader, "1")[:700]
    file = tmp_path / "ids.txt"
    file.write_text("\n".join([*reversed(names), GHOST, names[0]]))
    ended = farm("rebuild", "--inventory", "lab", "--objects", str(file), "--json")
    assert ended.code == Exit.UNREAD, ended.stderr
    summary = json.loads(ended.stdout)
    assert summary["unread"] == [GHOST]
    assert summary["submitted"] == summary["done"] == 2
    assert in_parts(summary["run"]) == names
    assert loads_unchanged(summary["run"], len(names))


def test_a_condition_selects_once_and_its_objects_are_frozen_in_the_run(reader: Node) -> None:
    condition = "ncand >= 10 AND gmag IS NOT NULL -- bright enough"
    names = ids(reader, condition.partition("--")[0])
    summary = farm(
        "rebuild", "--inventory", "lab", "--where", condition, "--max-rows-per-second", "100000", "--json"
    ).json()
    assert in_parts(summary["run"]) == names
    assert Run("lab", summary["run"]).objects.read_text().split() == names
    assert loads_unchanged(summary["run"], len(names))


def test_a_function_is_put_to_the_objects_of_a_condition(reader: Node, tmp_path: Path) -> None:
    script, condition = tmp_path / "own.py", "ncand >= 10 AND gmag IS NOT NULL -- bright enough"
    script.write_text(
        "from features.mining import batch\n\n"
        "@batch(columns='jd')\ndef lengths(curves):\n    yield {'n': curves.segments.count}\n"
    )
    out = tmp_path / "out.csv"
    options = ("--where", condition, "--single-file", "--csv", "--window", "all", "--json")
    told = farm("mine", f"{script}:lengths", "--out", str(out), *options).json()
    with out.open(newline="") as file:
        found = {row["objectId"]: int(row["n"]) for row in csv.DictReader(file)}
    assert sorted(found) == ids(reader, condition.partition("--")[0])
    assert min(found.values()) >= 10
    assert told["dataset"]["named"]["source"] == f"where {condition}"


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("ncand >", "cannot be evaluated"),
        ("nosuchcolumn > 1", "nosuchcolumn"),
        ("ncand < 0", "no row"),
        ("1=1); DELETE FROM objects; --", "semicolon"),
        ("ncand > 0) INTO OUTFILE '/tmp/x' -- ", "cannot be evaluated"),
    ],
)
def test_a_condition_that_is_none_is_refused_before_anything_runs(account: Account, condition: str, said: str) -> None:
    ended = farm("rebuild", "--inventory", "lab", "--where", condition)
    assert ended.code == Exit.INPUT, ended.stderr
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_condition_that_takes_too_long_is_given_up(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "WHERE_SECONDS", 1)
    with pytest.raises(InputError, match="max_statement_time"):
        objects.selected(account, "SLEEP(1) = 0")


def test_objects_conditions_and_ranges_exclude_each_other() -> None:
    ended = farm("rebuild", "--inventory", "lab", "--where", "1", "--ranges", "4")
    assert ended.code == Exit.USAGE
    assert "exclude each other" in ended.stderr
