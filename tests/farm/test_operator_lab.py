"""What an operator sees and does with runs, on the lab's workers."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from command import ROOT
from heads import Head, books, eventually, farm_processes, head, on, rows

from farm.errors import Exit
from farm.runs import Run, every

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

TALKS = "for each in 1 2 3 4 5 6; do echo word $each of $FARM_TASK; sleep 0.7; done"
BIG = 'dd if=/dev/urandom of="$FARM_OUT/it\'s big" bs=1M count=3 status=none'


@pytest.fixture(scope="module")
def operator(seeded: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Head]:
    scratch = tmp_path_factory.mktemp("operator")
    with head(scratch, scratch / "home") as made:
        yield made


@pytest.fixture(scope="module")
def fetched(operator: Head) -> Run:
    """A run with outputs: brought, and missing."""
    told = 'echo "$FARM_TASK $FARM_SLOT $FARM_ATTEMPT $FARM_RUN" > "$FARM_OUT/told"'
    tasks = [
        {"id": "told", "command": told, "outputs": ["told"]},
        {"id": "big", "command": BIG, "outputs": ["it's*"]},
        {"id": "lazy", "command": f"{told}; echo too lazy; exit 0", "outputs": ["told", "*.csv"]},
    ]
    options = ("--fetch", "told", "--fetch", "it's big", "--limit", "w1,w2", "--retries", "0")
    ended, run = operator.run(tasks, *options)
    assert ended.code == Exit.TASKS_FAILED, ended.stderr
    assert books(run, 3, ("w1", "w2")) == {"done": 2, "held": 1}
    return run


def test_outputs_come_to_the_head_with_their_digests_in_the_journal(fetched: Run) -> None:
    assert (fetched.folder / "outputs" / "told" / "told").read_text() == f"told 1 1 {fetched.id}\n"
    assert rows(fetched, "SELECT slot FROM attempts WHERE task = 'told'") == [(1,)]
    ((result,),) = rows(fetched, "SELECT result FROM attempts WHERE task = 'big'")
    brought = fetched.folder / "outputs" / "big" / "it's big"
    assert brought.stat().st_size == 3 << 20
    assert json.loads(result)["sha256"] == {"it's big": hashlib.sha256(brought.read_bytes()).hexdigest()}


def test_a_task_without_its_output_is_held_with_the_reason_and_its_log(operator: Head, fetched: Run) -> None:
    (trouble,) = json.loads(operator.farm("status", fetched.id, "--json").stdout)["troubles"]
    assert trouble[0] == "lazy"
    assert "left no *.csv in $FARM_OUT" in trouble[2]
    assert operator.farm("logs", fetched.id).stdout == "== lazy.1\ntoo lazy\n"


def test_the_journal_is_a_table_of_attempts(operator: Head, fetched: Run) -> None:
    header, *lines = [line.split("\t") for line in operator.farm("status", fetched.id, "--tsv").stdout.splitlines()]
    found = {line[0]: dict(zip(header, line, strict=True)) for line in lines}
    assert {name: each["state"] for name, each in found.items()} == {
        "told": "accepted",
        "big": "accepted",
        "lazy": "refused",
    }
    assert all(float(each["wall"]) > 0 and int(each["rss"]) > 0 for each in found.values())


def test_a_running_task_is_followed_and_its_run_watched_by_others(operator: Head) -> None:
    with operator.running([{"id": "talks", "command": TALKS}], "--limit", "w3", "--slots", "1") as living:
        words = [Path(sys.executable).with_name("farm")]
        look = subprocess.Popen(
            [*words, "status", living.run.id, "--watch"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        follow = subprocess.Popen(
            [*words, "logs", living.run.id, "talks", "--follow"], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert follow.stdout
        assert follow.stdout.readline() == "== talks.1 on w3\n"
        assert follow.stdout.readline() == "word 1 of talks\n"
        assert living.process.poll() is None, "the first word is there while the task still runs"
        with follow.stdout:
            rest = follow.stdout.read()
        assert follow.wait(timeout=60) == Exit.OK
        shown, seen = look.communicate(timeout=60)
        assert living.ended().code == Exit.OK
    assert rest.splitlines() == [*(f"word {each} of talks" for each in range(2, 7)), "== talks is done"]
    assert "0 of 1 tasks" in seen
    assert "1 of 1 tasks" in seen
    assert "1 tasks = 1 done" in shown
    eventually(lambda: not farm_processes("w3"), "nothing of user farm is left on w3, of those who looked on neither")


def test_a_task_that_nobody_runs_is_not_followed(operator: Head, fetched: Run) -> None:
    said = operator.farm("logs", fetched.id, "nobody", "--follow")
    assert said.code == Exit.RUN
    assert "has no task nobody" in said.stderr
    assert operator.farm("logs", fetched.id, "big", "--follow").stdout == "== big is done\n"


def test_old_runs_are_pruned_but_never_one_that_goes_on(operator: Head, fetched: Run) -> None:
    left = f"/var/lib/farm/runs/{fetched.id}"
    on("w2", f"mkdir -p {left}/lost.1; head -c 5M /dev/zero > {left}/lost.1/log; chown -R farm: {left}")
    with operator.running([{"command": "sleep 60"}], "--limit", "w1") as living:
        eventually(lambda: rows(living.run, "SELECT 1 FROM attempts"), "it has begun")
        dry = operator.farm("prune", "--keep-days", "0", "--dry-run", "--json").json()
        done = operator.farm("prune", "--keep-days", "0", "--json").json()
        assert "No such file" not in on("w1", f"ls /var/lib/farm/runs/{living.run.id}")
    assert {each["run"]: each["why"] for each in done["kept"]} == {living.run.id: "a farm process works at it"}
    assert dry["taken"] == done["taken"]
    sizes = {(each["run"], each["host"]): each["bytes"] for each in done["taken"]}
    assert sizes[fetched.id, "w2"] >= 5 << 20
    assert fetched.id not in on("w2", "ls /var/lib/farm/runs")
    assert (fetched.folder / "outputs" / "big" / "it's big").exists()
    assert operator.farm("status", fetched.id, "--json").code == Exit.OK
    again = operator.farm("prune", "--keep-days", "0", "--json").json()
    assert fetched.id not in {each["run"] for each in again["taken"]}


def test_tasks_that_wait_are_measured_by_workers_and_slots(operator: Head, tmp_path: Path) -> None:
    before = every("lab")
    said = operator.farm("bench", "--workers", "1,2", "--processes", "2", "--waiting", "0.1", "--out", str(tmp_path))
    assert said.code == Exit.OK, said.stderr
    told = json.loads((tmp_path / "waiting.json").read_text())
    assert [(each["workers"], each["tasks"]) for each in told["figures"]] == [(1, 32), (2, 64)]
    assert all(each["seconds"] > each["ideal_seconds"] == 1.6 for each in told["figures"])
    ElementTree.parse(tmp_path / "waiting.svg")
    assert every("lab") == before, "measured runs leave nothing"


def test_a_rebuild_is_measured_on_a_part_of_the_ring(operator: Head, tmp_path: Path) -> None:
    options = ("--workers", "1,2", "--processes", "1", "--objects", "300", "--out", str(tmp_path), "--json")
    said = operator.farm("bench", *options).json()
    assert said == json.loads((tmp_path / "scaling.json").read_text())
    first, second = said["figures"]
    assert first["objects"] == second["objects"] > 0
    assert first["seed"]["seconds_for_128000"] == 7828
    assert second["speed_up"] == pytest.approx(first["seconds"] / second["seconds"], rel=0.05)


def test_more_workers_than_there_are_are_refused(operator: Head) -> None:
    said = operator.farm("bench", "--workers", "9", "--waiting", "1")
    assert said.code == Exit.INPUT
    assert "inventory lab has 4 workers" in said.stderr
