"""A load that was let through and has not ended: it goes on as what it was, and its run does not count as loaded."""

import json
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from made_runs import make_run
from simulated_parts import simulate
from test_diff_gates import diff, feature

from farm import loading
from farm.diff import begun
from farm.diff import run as gate
from farm.diff.gates import DEFAULTS, limits
from farm.diff.result import Diff
from farm.errors import GateError, LockedError
from farm.galera import Account
from farm.inventory import Inventory
from farm.load.options import Options
from farm.provision import load as playbook
from farm.runs import Run

LAB = cast(Inventory, SimpleNamespace(env="lab", argument="lab", home=None))
NEW = diff(feature("gmag", from_null=1000, all_null=True))
"""A column that the table has had no value of, and one half of which is loaded."""
HALF = diff(feature("gmag", from_null=500))
GMAG = Options(columns=("gmag",))


class Cluster:
    """What the table says at the moment: how a run compares with it, and how many chunks are committed."""

    def __init__(self) -> None:
        self.diff, self.chunks, self.zeros = NEW, 4, "zero"

    def account(self, inventory: Inventory) -> Account:
        return Account(Path("none"), "u", "p", 1, "ztf", "lab", (), "upsert", cast(Any, self.zeros), 30)

    def merge_half(self) -> None:
        self.diff, self.chunks = HALF, self.chunks + 2


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    found = Cluster()
    monkeypatch.setattr(gate, "_reader", found.account)
    monkeypatch.setattr(gate, "compare", lambda *_: found.diff)
    monkeypatch.setattr(begun, "_committed", lambda *_: found.chunks)
    return found


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("FARM_HOME", str(tmp_path))
    made = make_run("lab", [simulate(3)])
    loading.keep(made, {"run": made.id, "ok": True, "load": {"guarded_objects": [], "absent_objects": []}})
    assert made.is_loaded()
    return made


def kept(run: Run) -> Any:
    return json.loads((run.load / "diff.json").read_text())


def as_kept(found: Diff) -> Any:
    return json.loads(json.dumps(found.as_json()))


def test_a_load_of_a_new_column_goes_on_and_the_comparison_from_before_it_stays(cluster: Cluster, run: Run) -> None:
    gate.require(LAB, run, DEFAULTS, GMAG)
    assert not run.is_loaded(), "so that nobody takes its parts away"
    for _ in range(2):
        cluster.merge_half()
        gate.require(LAB, run, DEFAULTS, Options(columns=("gmag",), max_rate=9.0, sample=True))
        assert kept(run) == as_kept(NEW)
    loading.keep(run, {"ok": True, "load": {"guarded_objects": [], "absent_objects": []}})
    assert run.is_loaded()
    with pytest.raises(GateError):
        gate.require(LAB, run, DEFAULTS, GMAG)


def test_what_was_accepted_once_goes_on_with_the_same_limits_only(cluster: Cluster, run: Run) -> None:
    cluster.diff = HALF
    accepted = limits(["gmag=0.5"], [])
    gate.require(LAB, run, accepted)
    cluster.diff, cluster.chunks = diff(feature("gmag", moved=900)), 7
    gate.require(LAB, run, accepted)
    with pytest.raises(GateError, match=r"gmag: 50.0% of 1,000 rows"):
        gate.require(LAB, run, DEFAULTS)


@pytest.mark.parametrize("other", ["columns", "keep", "zeros", "nothing merged", "undone", "torn"])
def test_another_load_and_one_that_has_merged_nothing_are_compared_anew(cluster: Cluster, run: Run, other: str) -> None:
    gate.require(LAB, run, DEFAULTS, GMAG)
    cluster.merge_half()
    options = {"columns": Options(), "keep": Options(("gmag",), ("gmag",))}.get(other, GMAG)
    if other == "zeros":
        cluster.zeros = "null"
    elif other == "nothing merged":
        cluster.chunks -= 2
    elif other == "undone":
        loading.begin_undo(run)
    elif other == "torn":
        run.begun.write_text(run.begun.read_text()[:99])
    with pytest.raises(GateError):
        gate.require(LAB, run, DEFAULTS, options)
    assert kept(run) == as_kept(HALF)


def test_a_load_that_is_refused_has_not_begun(cluster: Cluster, run: Run) -> None:
    cluster.diff = HALF
    with pytest.raises(GateError):
        gate.require(LAB, run, DEFAULTS)
    assert run.is_loaded()


def test_an_undo_that_was_interrupted_has_not_ended(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    inventory = cast(Any, SimpleNamespace(env="lab", group=lambda _: [SimpleNamespace(local=True)]))
    monkeypatch.setattr(loading, "_undo_here", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        loading.undo(inventory, run.id, cast(Any, None))
    assert run.begun.exists()
    monkeypatch.setattr(loading, "_undo_here", lambda *_: {"load": None, "undo": {}})
    loading.undo(inventory, run.id, cast(Any, None))
    assert not run.begun.exists()


Main = Callable[..., dict[str, Any]]


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch) -> Main:
    """The head's part of the playbook."""

    def main(*arguments: str) -> dict[str, Any]:
        monkeypatch.setattr(sys, "argv", ["load", "lab", *arguments])
        return playbook.main()

    monkeypatch.setattr(playbook, "load", lambda _: LAB)
    return main


def test_the_playbooks_load_has_begun_until_its_summary_is_kept(
    cluster: Cluster, run: Run, head: Main, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert head("last", "--check", "--options=--columns=gmag")["run"] == run.id
    assert run.is_loaded(), "in check mode nothing begins"
    head("last", "--options=--columns=gmag")
    assert not run.is_loaded()
    said = {"run": run.id, "load": {"guarded_objects": [], "absent_objects": []}, "undo": {}, "ok": True}
    monkeypatch.setattr(sys, "stdin", StringIO(json.dumps(said)))
    monkeypatch.setattr(loading, "lines", lambda _: [])
    head(run.id, "--keep")
    assert not run.begun.exists()
    assert head("last", "--options=--undo")["arguments"] == ["--undo"]
    assert run.begun.exists()


def test_the_playbook_leaves_a_run_alone_that_another_process_holds(cluster: Cluster, run: Run, head: Main) -> None:
    with run.locked(), pytest.raises(LockedError):
        head("last")


@pytest.mark.parametrize(
    "options", ["--undo --columns=gmag", "--undo --max-changed=1", "--columns=", "--max-rate=nan", "--max-rate=-1"]
)
def test_the_playbook_refuses_options_that_make_no_load(cluster: Cluster, run: Run, head: Main, options: str) -> None:
    with pytest.raises(SystemExit) as raised:
        head("last", f"--options={options}")
    assert raised.value.code == 2
