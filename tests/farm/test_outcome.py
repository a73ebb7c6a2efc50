"""With what a head ended: noted in its run by every way out, and shown by all who list and tell of runs."""

import re
from pathlib import Path
from typing import Any

import pytest
from command import farm

from farm import journal as record
from farm import loading, outcome, runs
from farm.diff.gates import DEFAULTS
from farm.errors import Exit, FarmError, GateError
from farm.journal import Journal, Task
from farm.page import render
from farm.runs import Run
from farm.summary import overview, read

REFUSED = "the load would change too much\nmagrmean moves in 40 % of the rows"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("FARM_HOME", str(tmp_path))
    monkeypatch.setattr(outcome, "_run", None)
    made = runs.create("lab", "rebuild")
    meta = {"environment": "lab", "verb": "rebuild", "begun": 1.7e9, "workers": {"w1": 2}, "folder": "/opt/farm"}
    journal = Journal.create(made.journal, meta, [Task("a", "true")])
    journal.commit([record.noted("ended", 1.7e9 + 60), record.noted("seconds", 60.0)])
    journal.close()
    return made


def ended(run: Run, error: BaseException) -> None:
    """The process of a head of the run ends with the error."""
    outcome.heads(run)
    with pytest.raises(type(error)), outcome.kept():
        raise error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (GateError(REFUSED), f"22 (GATE): {REFUSED}"),
        (SystemExit(30), "30 (TASKS_FAILED)"),
        (SystemExit(0), "0 (OK)"),
        (SystemExit(None), "0 (OK)"),
        (SystemExit("what"), "1 (BUG)"),
        (KeyboardInterrupt(), "130 (INTERRUPTED)"),
        (ZeroDivisionError("division by zero"), "1 (BUG): ZeroDivisionError: division by zero"),
    ],
)
def test_every_way_out_is_noted(run: Run, error: BaseException, words: str) -> None:
    ended(run, error)
    found = read(run).outcome
    assert found
    assert found.words == words


def test_a_process_that_was_no_head_notes_nothing(run: Run) -> None:
    with pytest.raises(FarmError), outcome.kept():
        raise GateError(REFUSED)
    assert read(run).outcome is None


def test_what_a_former_head_ended_with_is_over_when_another_one_begins(run: Run) -> None:
    ended(run, GateError(REFUSED))
    outcome.heads(run)
    assert read(run).outcome is None


def test_it_is_shown_in_the_list_of_runs_in_the_status_and_on_the_page(run: Run) -> None:
    assert "exit" in farm("runs").stdout
    ended(run, GateError(REFUSED))
    (listed,) = overview("lab")
    assert listed.outcome
    assert listed.outcome.exit == Exit.GATE
    said = farm("runs").stdout
    assert f"{run.id} ended with 22 (GATE): the load would change too much\n" in said
    assert "moves in 40 %" not in said
    assert farm("runs", "--json").json()["runs"][0]["outcome"]["exit"] == 22
    assert f"its head ended with 22 (GATE): {REFUSED}\n" in farm("status", run.id).stdout
    assert farm("status", run.id, "--json").json()["outcome"]["said"] == REFUSED
    assert re.search(r'<dt>ended with</dt><dd id="outcome" class="bad">22 \(GATE\): the load', render.page(run))
    ended(run, SystemExit(0))
    assert "ended with" not in farm("runs").stdout + farm("status", run.id).stdout


def test_a_command_that_fails_as_the_head_of_a_run_leaves_its_sentence_there(run: Run, tmp_path: Path) -> None:
    """Here a load without the account that its gate reads the table with."""
    inventory = tmp_path / "lab.yml"
    inventory.write_text("loader: {hosts: {here: {ansible_connection: local}}}\n")
    journal = Journal(run.journal)
    journal.commit([("DELETE FROM tasks", ())])
    journal.close()
    said = farm("load", run.id, "--inventory", str(inventory))
    found = read(run).outcome
    assert found
    assert said.code == found.exit == Exit.INPUT
    assert said.stderr == f"farm: {found.said}\n"


class Hosts:
    """As much of an inventory as a load asks before its gate."""

    env = "lab"

    def group(self, _name: str) -> Any:
        return ("l1",)


def test_a_load_that_is_refused_is_the_end_of_its_head(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise GateError(REFUSED)

    monkeypatch.setattr(loading, "ready", lambda *_: loading.Ready(run, Path("/opt/farm"), ()))  # type: ignore[arg-type]
    monkeypatch.setattr(loading, "require", refuse)
    with pytest.raises(GateError), outcome.kept():
        loading.load(Hosts(), run.id, None, DEFAULTS)  # type: ignore[arg-type]
    found = read(run).outcome
    assert found
    assert found.exit == Exit.GATE
