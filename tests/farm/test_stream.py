"""What other programs follow of a run: the stream of events, and the metrics."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from command import ROOT, farm
from lively import lively
from prometheus_client.parser import text_string_to_metric_families

from farm.errors import Exit
from farm.history import History
from farm.runs import Run

FARM = Path(sys.executable).with_name("farm")


@dataclass
class Followed:
    run: Run
    events: list[dict[str, Any]]
    metrics: Path
    first_metrics: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Followed]:
    """A run, and what two programs saw of it that looked on from its middle."""
    folder = tmp_path_factory.mktemp("stream")
    out, started = folder / "farm.prom", []

    def look_on(run: Run) -> None:
        for words in (["events", run.id, "--follow"], ["metrics", run.id, "--out", str(out), "--follow"]):
            started.append(subprocess.Popen([FARM, *words], cwd=ROOT, stdout=subprocess.PIPE, text=True))

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FARM_HOME", str(folder / "home"))
        run = lively(folder, 96, look_on)
        said = [process.communicate(timeout=60)[0] for process in started]
        assert [process.returncode for process in started] == [0, 0]
        yield Followed(run, [json.loads(line) for line in said[0].splitlines()], out)


def test_a_follower_sees_every_event_once_in_order_to_the_end(followed: Followed) -> None:
    assert [event["seq"] for event in followed.events] == list(range(1, len(followed.events) + 1))
    assert followed.events[0]["state"] == "begun"
    assert followed.events[-1]["event"] == "run"
    assert followed.events[-1]["state"] == "ended"
    assert {event["schema"] for event in followed.events} == {1}


def test_a_stream_goes_on_after_any_event(followed: Followed) -> None:
    later = farm("events", followed.run.id, "--after", "40")
    assert [json.loads(line) for line in later.stdout.splitlines()] == followed.events[40:]


def test_the_events_come_to_what_the_journal_has(followed: Followed) -> None:
    last = {event["task"]: event["state"] for event in followed.events if event["event"] == "task"}
    ends = [event for event in followed.events if event["event"] == "attempt" and event["state"] != "sent"]
    with closing(History(followed.run.journal)) as history:
        assert Counter(last.values()) == history.counts()
        attempts = list(history.attempts())
    assert Counter(event["state"] for event in ends) == Counter(
        {"accepted": "exited"}.get(each.state, each.state) for each in attempts
    )
    failed = {(each.task, each.attempt): (each.reason, each.code, each.worker) for each in attempts if each.code}
    seen = {
        (event["task"], event["attempt"]): (event["reason"], event["code"], event["worker"])
        for event in ends
        if event["state"] == "failed"
    }
    assert seen == failed
    assert [event["state"] for event in followed.events if event.get("worker") == "w2" and event["event"] == "worker"][
        :3
    ] == ["up", "lost", "up"]


def test_the_metrics_are_prometheuss_and_say_what_the_status_says(followed: Followed) -> None:
    status = farm("status", followed.run.id, "--json").json()
    for text in (followed.metrics.read_text(), farm("metrics", followed.run.id).stdout):
        samples = {
            (sample.name, *(value for key, value in sorted(sample.labels.items()) if key != "run")): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
        for state in ("done", "failed", "held", "cancelled"):
            assert samples["farm_tasks", state] == status[state]
        assert sum(value for name, value in samples.items() if name[0] == "farm_tasks") == 96
        for worker, share in status["workers"].items():
            done = samples.get(("farm_attempts", "exited", worker), 0)
            assert done + samples.get(("farm_attempts", "accepted", worker), 0) == share["done"]
        assert samples["farm_run_live",] == 0
    assert [path.name for path in followed.metrics.parent.glob("farm.prom*")] == ["farm.prom"]


def test_metrics_that_cannot_be_written_are_one_sentence(followed: Followed) -> None:
    said = farm("metrics", followed.run.id, "--out", "/nowhere/farm.prom")
    assert said.code == Exit.INPUT
    assert said.stderr.count("\n") == 1
    assert farm("metrics", followed.run.id, "--follow").code == Exit.USAGE
