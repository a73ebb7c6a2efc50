"""A run that another head takes up: what its readers say while it lives, and when it was killed."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from command import farm
from local import LocalTransport, host
from prometheus_client.parser import text_string_to_metric_families

from farm import commands, metrics, prune, resume, runs
from farm import journal as record
from farm.errors import Exit
from farm.events import State
from farm.inventory import Inventory
from farm.journal import Journal, Task
from farm.link import Worker
from farm.page.facts import facts
from farm.page.render import page
from farm.preflight import Release
from farm.runs import Run
from farm.summary import overview_of, read

HOUR = 3600.0


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FARM_HOME", str(tmp_path / "home"))
    return tmp_path


def made(begun: float) -> tuple[Run, Journal]:
    """A run whose first head was interrupted after a minute."""
    run = runs.create("lab", "run")
    meta = {
        "environment": "lab", "verb": "run", "begun": begun, "argv": ["farm"], "release": "ab" * 32, "schema": "s",
        "folder": "/opt/farm/releases/x", "workers": {"w1": 4, "w2": 3},
    }  # fmt: skip
    journal = Journal.create(run.journal, meta, [Task(name, "true") for name in "abc"])
    at_its_end = {"ended": begun + 60, "interrupted": True, "seconds": 60.0}
    journal.commit([record.started("a", 1, "w1", "m", begun)])
    journal.commit([record.noted(key, value) for key, value in at_its_end.items()])
    return run, journal


@pytest.fixture
def taken_up(home: Path) -> Iterator[Run]:
    """Its second head has begun an hour ago, two hours later, and last did something after half an hour."""
    now = time.time()
    run, journal = made(now - 3 * HOUR)
    assert overview_of(run).state == "interrupted"
    journal.commit([record.abandoned(), *record.taken_up(now - HOUR, journal.worked())])
    journal.commit([record.started("b", 1, "w1", "m", now - HOUR / 2)])
    yield run
    journal.close()


def samples(run: Run) -> dict[tuple[str, str], float]:
    """By the name and the state."""
    return {
        (sample.name, sample.labels.get("state", "")): sample.value
        for family in text_string_to_metric_families(metrics.text(run))
        for sample in family.samples
    }


def test_while_its_head_lives_nobody_says_that_it_has_ended(taken_up: Run) -> None:
    with taken_up.locked():
        assert overview_of(taken_up).state == "running"
        assert (facts(taken_up)["state"], facts(taken_up)["ended"]) == ("running", None)
        assert re.search(r"<dt>ended</dt><dd>not yet</dd>", page(taken_up))
        told = samples(taken_up)
    assert told["farm_run_live", ""] == 1
    assert ("farm_run_ended_timestamp_seconds", "") not in told
    assert told["farm_run_seconds", ""] == pytest.approx(60 + HOUR / 2, abs=1)


def test_when_that_head_was_killed_the_run_is_unfinished(taken_up: Run) -> None:
    assert overview_of(taken_up).state == "unfinished"
    summary = read(taken_up)
    assert not summary.interrupted
    assert summary.seconds == pytest.approx(60 + HOUR / 2, abs=1)
    assert facts(taken_up)["worked"] == summary.seconds
    told = samples(taken_up)
    lost_its_head = told["farm_run_live", ""] == 0 and told["farm_tasks", "pending"] + told["farm_tasks", "running"] > 0
    assert lost_its_head
    assert prune._ended(taken_up) == pytest.approx(time.time() - HOUR / 2, abs=10)


def test_the_time_of_a_head_that_was_killed_is_not_lost(taken_up: Run) -> None:
    journal = Journal(taken_up.journal)
    now = time.time()
    journal.commit(record.taken_up(now, journal.worked()))
    assert journal.worked() == pytest.approx(60 + HOUR / 2, abs=1)
    journal.commit([record.noted("ended", now + 5), record.noted("seconds", 5.0 + journal.worked())])
    assert journal.worked() == pytest.approx(65 + HOUR / 2, abs=1)
    journal.close()


def test_attempts_that_change_their_state_are_no_counter(taken_up: Run) -> None:
    assert samples(taken_up)["farm_attempts", "sent"] == 1
    journal = Journal(taken_up.journal)
    receipt = {"task": "b", "attempt": 1, "code": 0, "signal": None, "wall": 1.5, "cpu": 0.25, "rss": 4096}
    journal.commit([record.ended(receipt, None, time.time()), record.settled("b", State.DONE, "", 1)])
    journal.close()
    told = samples(taken_up)
    assert ("farm_attempts", "sent") not in told
    assert told["farm_attempts", "exited"] == 1
    assert "# TYPE farm_attempts gauge" in metrics.text(taken_up)


class Hosts:
    """As much of an inventory as a resume asks."""

    env = "lab"

    def group(self, _name: str) -> Any:
        return (host("w1"), host("w2"))


def resumed(monkeypatch: pytest.MonkeyPatch, run: Run, **asked: Any) -> dict[str, int]:
    """Slots by worker of the head that takes the run up."""
    seen: list[Worker] = []

    def work(_run: Run, workers: list[Worker], _release: Release, _transport: object, journal: Journal) -> Any:
        seen.extend(workers)
        return read(run)

    monkeypatch.setattr(commands, "work", work)
    monkeypatch.setattr(resume, "_require_release", lambda *_: None)
    resume.resume(cast(Inventory, Hosts()), LocalTransport(run.folder), run.id, **asked)
    return {worker.name: worker.slots for worker in seen}


def test_fewer_slots_are_what_the_user_says_and_stay(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, journal = made(time.time() - HOUR)
    journal.close()
    assert resumed(monkeypatch, run) == {"w1": 4, "w2": 3}
    assert resumed(monkeypatch, run, slots=1, limit="w1") == {"w1": 1}
    assert resumed(monkeypatch, run, forgive=True) == {"w1": 1, "w2": 3}
    for verb in ("resume", "retry"):
        assert farm(verb, run.id, "--slots", "0").code == Exit.USAGE
        assert "--slots" in farm(verb, "--help").stdout
