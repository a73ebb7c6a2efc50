"""The farm on the lab's hosts: workers found and described, work done, and no task lost whatever strikes a worker."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from command import ROOT, farm
from heads import eventually, farm_processes, on

from farm import lab, runs
from farm.errors import Exit
from farm.parts import Expected, check, cover_ring
from farm.runs import Run

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

WORKERS = ("w1", "w2", "w3", "w4")
SECONDS = 60


@pytest.fixture(autouse=True)
def workers_are_left_clean(provisioned: None) -> Iterator[None]:
    yield
    for host in WORKERS:
        eventually(lambda host=host: not farm_processes(host), f"no process of user farm on {host}")


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], Run]]:
    """A run of the farm that goes on meanwhile."""
    before = {run.id for run in runs.every("lab")}
    process = subprocess.Popen(
        [Path(sys.executable).with_name("farm"), *arguments, "--json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        run = eventually(lambda: [run for run in runs.every("lab") if run.id not in before], "a new run")[0]
        assert f"-{arguments[0]}-" in run.id
        yield process, run
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def rows(run: Run, query: str) -> list[tuple[Any, ...]]:
    if not run.journal.exists():
        return []
    with closing(sqlite3.connect(f"file:{run.journal}?mode=ro", uri=True)) as db:
        return db.execute(query).fetchall()


def busy_on(run: Run, worker: str) -> bool:
    """Whether the worker has work, and somebody has done some."""
    done = rows(run, "SELECT count(*) FROM tasks WHERE state = 'done'")
    there = rows(run, f"SELECT count(*) FROM attempts WHERE worker = '{worker}' AND state = 'sent'")
    return bool(done and done[0][0] and there and there[0][0])


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    return dict(json.loads(out))


def require_whole(summary: dict[str, Any], run: Run, tasks: int) -> None:
    """Every task is done, by one accepted attempt."""
    assert (summary["submitted"], summary["done"]) == (tasks, tasks)
    assert summary["failed"] == summary["held"] == summary["cancelled"] == 0
    assert rows(run, "SELECT count(*) FROM tasks JOIN attempts ON id = task AND attempt = accepted") == [(tasks,)]


def test_workers_describe_themselves() -> None:
    said = farm("workers", "--json").json()
    assert said["schema"] == 1
    assert [worker["name"] for worker in said["workers"]] == list(WORKERS)
    for worker in said["workers"]:
        assert worker["error"] is None
        assert worker["slots"] == 2
        assert worker["cores"] > 0
        assert worker["memory"] > worker["memory_available"] > 0
        assert worker["disk"] > worker["disk_free"] > 0
    assert len({worker["release"] for worker in said["workers"]}) == 1


def test_the_prototype_keeps_all_workers_busy() -> None:
    said = farm("busy", "--tasks", "24", "--seconds", "0.3", "--json").json()
    assert (said["submitted"], said["done"]) == (24, 24)
    assert all(said["workers"][name]["done"] for name in WORKERS)


def test_a_dead_worker_is_named_and_the_others_are_still_described() -> None:
    lab.kill("w4")
    try:
        begun = time.monotonic()
        said = farm("workers", "--json")
        assert time.monotonic() - begun < SECONDS / 3
        assert said.code == Exit.UNREACHABLE
        errors = {worker["name"]: worker["error"] for worker in json.loads(said.stdout)["workers"]}
        assert "w4 (198.18.77.14:22)" in errors.pop("w4")
        assert set(errors.values()) == {None}
        refused = farm("busy", "--tasks", "1")
        assert refused.code == Exit.UNREACHABLE
        assert "w4 (198.18.77.14:22)" in refused.stderr
        assert farm("busy", "--tasks", "2", "--seconds", "0.1", "--limit", "w1,w2").code == Exit.OK
    finally:
        lab.start("w4")


def test_a_worker_with_another_key_is_refused_with_both_fingerprints() -> None:
    lab.rekey("w4")
    try:
        said = farm("workers")
        assert said.code == Exit.HOST_KEY
        assert said.stderr.count("SHA256:") == 2
        assert "w4 (198.18.77.14:22)" in said.stderr
    finally:
        lab.pin("w4")
    assert farm("workers").code == Exit.OK


@pytest.mark.parametrize("link", ["/nowhere", "/opt/farm/releases/other"])
def test_workers_that_have_not_the_same_release_are_named(link: str) -> None:
    current = on("w3", "readlink /opt/farm/current").strip()
    on("w3", 'mkdir -p /opt/farm/releases/other && echo \'{"digest": "0123456789abcdef", "schema": "x"}\''
             " > /opt/farm/releases/other/RELEASE.json")  # fmt: skip
    on("w3", f"ln -sfn {link} /opt/farm/current")
    try:
        said = farm("workers")
        assert said.code == Exit.RELEASE
        assert "w3" in said.stderr
        assert "provision.yml" in said.stderr
    finally:
        on("w3", f"ln -sfn {current} /opt/farm/current; rm -r /opt/farm/releases/other")


def test_a_worker_that_is_lost_in_the_middle_of_a_run_loses_no_task() -> None:
    with running("busy", "--tasks", "32", "--seconds", "1.5") as (process, run):
        eventually(lambda: busy_on(run, "w2"), "w2 has work")
        lab.kill("w2")
        try:
            eventually(lambda: rows(run, "SELECT 1 FROM events WHERE worker = 'w2' AND what = 'lost'"), "w2 is lost")
        finally:
            lab.start("w2")
        require_whole(ended(process), run, 32)
    assert rows(run, "SELECT count(*) FROM attempts WHERE worker = 'w2' AND state = 'lost'")[0][0] >= 1


def test_an_interrupt_lets_running_tasks_end_and_starts_no_more() -> None:
    with running("busy", "--tasks", "24", "--seconds", "2") as (process, run):
        eventually(lambda: busy_on(run, "w1"), "w1 has work")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=SECONDS)
    said = json.loads(out)
    assert process.returncode == Exit.INTERRUPTED
    assert said["submitted"] == said["done"] + said["cancelled"]
    assert said["cancelled"] > 0
    assert rows(run, "SELECT count(*) FROM attempts WHERE state != 'exited'") == [(0,)]


def test_a_run_whose_head_was_killed_is_resumed() -> None:
    with running("busy", "--tasks", "24", "--seconds", "1.5") as (process, run):
        eventually(lambda: busy_on(run, "w1"), "w1 has work")
        process.kill()
        process.wait()
        require_whole(farm("resume", run.id, "--json").json(), run, 24)
    assert rows(run, "SELECT count(*) FROM attempts WHERE state = 'lost'")[0][0] > 0
    assert farm("resume", run.id).code == Exit.RUN


def test_a_rebuild_brings_every_object_once(seeded: Any) -> None:
    said = farm("rebuild", "--window", "all", "--json").json()
    assert said["done"] == said["submitted"]
    assert said["results"]["objects"] == seeded.objects
    assert said["results"]["rows"] == seeded.rows
    run = runs.find("lab", said["run"])
    expected = Expected(run=run.id, environment="lab", window="all")
    parts = [check(path, expected) for path in sorted(run.parts.glob("*.json"))]
    cover_ring(part.manifest.range for part in parts if part.manifest.range)
    names = [line.partition(",")[0] for part in parts for line in part.csv.read_text().splitlines()[1:]]
    assert len(names) == len(set(names)) == seeded.objects
    for host in WORKERS:
        assert run.id not in on(host, "ls /var/lib/farm/runs")


def test_the_plan_of_a_rebuild_is_printed_and_nothing_is_done(provisioned: None) -> None:
    before = runs.every("lab")
    said = farm("rebuild", "--dry-run", "--ranges", "5", "--window", "7", "--limit", "w1,w3", "--json").json()
    cover_ring(tuple(task["range"]) for task in said["tasks"])
    assert [worker["name"] for worker in said["workers"]] == ["w1", "w3"]
    assert (len(said["tasks"]), said["window"]) == (5, 7)
    assert runs.every("lab") == before


def test_a_worker_without_a_way_to_cassandra_ends_the_rebuild_before_it_begins(provisioned: None) -> None:
    before = runs.every("lab")
    lab.cut("c1")
    try:
        said = farm("rebuild")
        assert said.code == Exit.CASSANDRA
        assert "w1 cannot read Cassandra" in said.stderr
        assert runs.every("lab") == before
    finally:
        lab.heal("c1")
