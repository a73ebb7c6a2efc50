"""A living run on the lab, told what to do: by its user, by its limits, and by its terminal."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command import ROOT
from heads import Head, Living, books, eventually, head, holders, on, rows

from farm.errors import Exit
from farm.runs import Run, every
from farm.summary import read

pytestmark = [pytest.mark.lab, pytest.mark.timeout(200)]

HOSTS = ("w1", "w2")
PROMPT = 2.0
"""Seconds in which a head acknowledges an order."""


@pytest.fixture
def mine(provisioned: None, tmp_path: Path) -> Iterator[Head]:
    with head(tmp_path, tmp_path / "home") as made:
        yield made


def sleeps(number: int, seconds: float) -> list[dict[str, Any]]:
    return [{"id": f"t{each:02}", "command": f"sleep {seconds}"} for each in range(number)]


def states(run: Run) -> dict[str, str]:
    return dict(rows(run, "SELECT id, state FROM tasks"))


def running(run: Run, worker: str = "w1") -> list[str]:
    return [task for (task,) in rows(run, f"SELECT task FROM attempts WHERE state = 'sent' AND worker = '{worker}'")]


def tell(mine: Head, *words: str) -> str:
    """Give an order; returns what was answered."""
    said = mine.farm(*words, "--json")
    assert said.code == 0, said.stderr
    told = json.loads(said.stdout)
    assert told["schema"] == 1
    return str(told["done"])


def refused(mine: Head, *words: str) -> str:
    said = mine.farm(*words)
    assert said.code in (Exit.RUN, Exit.INVENTORY)
    assert said.stderr.count("\n") == 1
    return said.stderr


def told_at(living: Living) -> float:
    return float(rows(living.run, "SELECT max(at) FROM events WHERE what = 'told'")[0][0])


def test_tasks_of_a_living_run_are_cancelled_held_and_unheld(mine: Head) -> None:
    gate = f"/tmp/{mine.scratch.name}"
    bad = {"id": "bad", "command": f"while [ ! -e {gate} ]; do sleep 0.1; done; exit 1"}
    tasks = [{"id": "long", "command": "sleep 600"}, bad, *sleeps(6, 0.1)]
    tasks[2]["command"] = f"while [ ! -e {gate} ]; do sleep 0.1; done"
    with mine.running(tasks, "--limit", "w1", "--slots", "3") as living:
        run = living.run.id
        eventually(lambda: {"long", "bad", "t00"} <= set(running(living.run)), "work has begun")
        before = time.time()
        tell(mine, "hold", run, "t04", "t05", "bad")
        assert told_at(living) - before < PROMPT + 1, "a start of the command is within"
        tell(mine, "cancel", run, "long", "t03")
        assert "there is no task nobody" in refused(mine, "cancel", run, "nobody", "t00")
        assert "task t03 is cancelled: it cannot be unheld" in refused(mine, "unhold", run, "t03")
        tell(mine, "unhold", run, "t04")
        on("w1", f"touch {gate}")
        assert json.loads(living.ended().stdout)["done"] == 4
    on("w1", f"rm {gate}")
    left = {task: state for task, state in states(living.run).items() if state != "done"}
    assert left == {"bad": "held", "t05": "held", "long": "cancelled", "t03": "cancelled"}
    assert rows(living.run, "SELECT task, state FROM attempts WHERE task IN ('long', 'bad') ORDER BY task") == [
        ("bad", "failed"),
        ("long", "killed"),
    ]
    books(living.run, 8, ("w1",))
    tell(mine, "unhold", run, "t05")
    assert "t05 is pending" in refused(mine, "unhold", run, "t05")
    tell(mine, "hold", run, "long")
    assert mine.farm("resume", run).code == Exit.TASKS_FAILED, "a resume leaves what is held"
    assert books(living.run, 8, ("w1",)) == {"done": 6, "held": 2}


def test_workers_of_a_living_run_are_added_drained_and_undrained(mine: Head) -> None:
    with mine.running(sleeps(900, 0.4), "--limit", "w1", "--slots", "2") as living:
        run = living.run.id
        eventually(lambda: running(living.run), "work has begun")
        assert "last worker" in refused(mine, "workers", "drain", run, "w1")
        assert "w9 is no worker" in refused(mine, "workers", "add", run, "w9")
        assert "w1 is at work already" in refused(mine, "workers", "add", run, "w1")
        tell(mine, "workers", "add", run, "w2", "--slots", "2")
        eventually(lambda: running(living.run, "w2"), "the added worker works")
        tell(mine, "workers", "drain", run, "w1")
        eventually(lambda: not running(living.run), "what ran there has ended")
        time.sleep(1)
        ((drained,),) = rows(living.run, "SELECT at FROM events WHERE what = 'drained'")
        tell(mine, "workers", "undrain", run, "w1")
        eventually(lambda: running(living.run), "it works again")
        tell(mine, "cancel", run)
        assert living.ended().code == Exit.TASKS_FAILED
    ((back,),) = rows(living.run, "SELECT at FROM events WHERE detail = 'undrained'")
    between = f"started > {drained} AND started < {back}"
    assert rows(living.run, f"SELECT count(*) FROM attempts WHERE worker = 'w1' AND {between}") == [(0,)]
    assert rows(living.run, f"SELECT count(*) > 0 FROM attempts WHERE worker = 'w2' AND {between}") == [(1,)]
    assert set(books(living.run, 900, HOSTS)) == {"done", "cancelled"}
    assert "is not running" in refused(mine, "workers", "drain", run, "w1")


def test_a_cancelled_run_kills_what_runs_and_can_be_resumed(mine: Head) -> None:
    tasks = [{"id": f"t{each}", "command": f"test -e /tmp/{mine.scratch.name} || sleep 600"} for each in range(6)]
    with mine.running(tasks, "--limit", "w1", "--slots", "2") as living:
        eventually(lambda: len(running(living.run)) == 2, "work has begun")
        tell(mine, "cancel", living.run.id)
        assert living.ended().code == Exit.TASKS_FAILED
    assert books(living.run, 6, ("w1",)) == {"cancelled": 6}
    assert {reason for (reason,) in rows(living.run, "SELECT reason FROM tasks")} == {"cancelled by order"}
    on("w1", f"touch /tmp/{mine.scratch.name}")
    assert mine.farm("resume", living.run.id).code == Exit.OK
    on("w1", f"rm /tmp/{mine.scratch.name}")
    assert books(living.run, 6, ("w1",)) == {"done": 6}


def test_a_run_is_halted_now_when_too_many_tasks_have_failed(mine: Head) -> None:
    tasks = [*sleeps(2, 600), *({"id": f"bad{each}", "command": "exit 3"} for each in range(10)), *sleeps(8, 600)[2:]]
    ended, run = mine.run(tasks, "--limit", "w1", "--slots", "4", "--retries", "0", "--halt", "now,fail=20%")
    assert ended.code == Exit.TASKS_FAILED
    counts = books(run, 18, ("w1",))
    assert 4 <= counts["held"] <= 5, "a failure that came at the same moment counts, too"
    assert counts["cancelled"] == 18 - counts["held"]
    assert rows(run, "SELECT DISTINCT reason FROM tasks WHERE state = 'cancelled'") == [
        ("halted: 4 tasks failed (now,fail=20%)",)
    ]
    ((killed,),) = rows(run, "SELECT count(*) FROM attempts WHERE state = 'killed'")
    assert 2 <= killed <= 3, "a task that began at the same moment is killed, too"


def test_what_runs_much_longer_than_the_others_is_killed(mine: Head) -> None:
    tasks = [{"id": "hangs", "command": "sleep 600"}, *sleeps(5, 0.5)]
    ended, run = mine.run(tasks, "--limit", "w1", "--slots", "2", "--retries", "0", "--timeout", "300%")
    assert ended.code == Exit.TASKS_FAILED
    assert books(run, 6, ("w1",)) == {"done": 5, "held": 1}
    ((reason,),) = rows(run, "SELECT reason FROM tasks WHERE id = 'hangs'")
    assert "timeout: longer than 300 % of the median" in reason


def test_a_detached_run_outlives_the_session_that_began_it(mine: Head) -> None:
    file = mine.scratch / "night.tasks"
    file.write_text("sleep 0.7\n" * 10)
    words = [Path(sys.executable).with_name("farm"), "run", file, "--limit", "w1", "--slots", "2", "--detach"]
    script = f"{' '.join(map(str, words))} & wait; sleep 600"
    shell = subprocess.Popen(
        ["/bin/sh", "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert shell.stdout
    name = shell.stdout.readline().strip()
    (run,) = every("lab")
    assert run.id == name
    assert run.is_held(), "its head stands when the verb returns"
    os.killpg(shell.pid, signal.SIGHUP)
    shell.communicate(timeout=20)
    (head_,) = holders(run)
    os.kill(head_, signal.SIGHUP)
    eventually(lambda: not run.is_held(), "the run ends")
    assert books(run, 10, ("w1",)) == {"done": 10}
    assert "10 tasks = 10 done" in run.head_log.read_text()
    eventually(lambda: read(run).outcome is not None, "its head notes with what it ends")
    said = read(run).outcome
    assert said
    assert said.exit == Exit.OK


@pytest.mark.parametrize("hears", [signal.SIG_DFL, signal.SIG_IGN], ids=["told of it", "not told of it"])
def test_a_run_goes_on_when_its_terminal_closes(mine: Head, hears: signal.Handlers) -> None:
    file = mine.scratch / "evening.tasks"
    file.write_text("sleep 0.7\n" * 10)
    child, terminal = pty.fork()
    if child == 0:
        farm = str(Path(sys.executable).with_name("farm"))
        signal.signal(signal.SIGHUP, hears)
        os.chdir(ROOT)
        os.execv(farm, [farm, "run", str(file), "--limit", "w1", "--slots", "2"])
    run = eventually(lambda: every("lab") and running(every("lab")[0]) and every("lab")[0], "work has begun")
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == Exit.OK
    assert books(run, 10, ("w1",)) == {"done": 10}
    log = run.head_log.read_text()
    assert "10 of 10 tasks" in log
    assert "10 tasks = 10 done" in log


def test_two_runs_on_one_worker_share_its_slots(mine: Head) -> None:
    spot = f"/tmp/{mine.scratch.name}"
    alone = f"mkdir {spot}.$FARM_SLOT && sleep 0.2 && rmdir {spot}.$FARM_SLOT"
    tasks = [{"id": f"t{each}", "command": f"case $FARM_SLOT in 1|2) {alone};; *) exit 9; esac"} for each in range(500)]
    options = ("--limit", "w1", "--retries", "0")
    with mine.running(tasks, *options) as long:
        eventually(lambda: running(long.run), "work has begun")
        ended, short = mine.run(tasks[:12], *options)
        assert ended.code == Exit.OK
        tell(mine, "cancel", long.run.id)
        long.ended()
    on("w1", f"rm -df {spot}.*")
    assert books(short, 12, ("w1",)) == {"done": 12}
    assert set(books(long.run, 500, ("w1",))) == {"done", "cancelled"}, "the inventory's two slots, and none twice"
    ((first, last),) = rows(short, "SELECT min(ended), max(ended) FROM attempts")
    ((beside,),) = rows(long.run, f"SELECT count(*) FROM attempts WHERE ended BETWEEN {first} AND {last}")
    assert 4 <= beside <= 30, "task by task"


def test_a_worker_where_every_task_fails_is_taken_out_probed_and_readmitted(mine: Head) -> None:
    sick = f"/tmp/{mine.scratch.name}"
    on("w2", f"touch {sick}")
    tasks = [{"id": f"t{each:02}", "command": f"test ! -e {sick} && sleep 0.5"} for each in range(36)]
    with mine.running(tasks, "--limit", "w1,w2", "--slots", "2") as living:
        eventually(
            lambda: rows(living.run, "SELECT 1 FROM events WHERE worker = 'w2' AND what = 'taken out'"), "w2 is out"
        )
        on("w2", f"rm {sick}")
        assert living.ended().code == Exit.OK
    assert rows(living.run, "SELECT count(*) FROM events WHERE worker = 'w2' AND detail = 'readmitted'") == [(1,)]
    assert rows(living.run, "SELECT count(*) > 0 FROM attempts WHERE worker = 'w2' AND state = 'exited'") == [(1,)]
    assert books(living.run, 36, HOSTS) == {"done": 36}


def test_an_interrupt_before_the_run_begins_is_one_sentence(mine: Head) -> None:
    process = subprocess.Popen(
        [Path(sys.executable).with_name("farm"), "busy", "--limit", "w1"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    eventually(lambda: "gevent" in Path(f"/proc/{process.pid}/maps").read_text(), "it has begun to look at workers")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (Exit.INTERRUPTED, "", "farm: interrupted\n")
