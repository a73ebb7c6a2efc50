"""Workers that go, come back, or are not themselves any more, on the lab: no task is lost, and none counts twice."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from heads import Head, Living, attempts, books, eventually, farm_processes, head, on, past_network, rows

from farm import lab
from farm.errors import Exit
from farm.lab import host as lab_host
from farm.runs import Run

pytestmark = [pytest.mark.faults, pytest.mark.timeout(200)]

HOSTS = ("w3", "w4")
OPTIONS = ("--limit", ",".join(HOSTS), "--slots", "3", "--fetch", "out")
TASKS = 10
GO = "/tmp/go"
"""On a worker: lets the task ``last`` end, and so the run."""
LAST = f'until [ -e {GO} ]; do sleep 0.1; done; echo "$FARM_ATTEMPT" > "$FARM_OUT/out"'
TIDY = """
trap 'echo late > "$FARM_OUT/out"; exit 0' TERM
sleep 1.5 & wait
echo "$FARM_ATTEMPT" > "$FARM_OUT/out"
"""
"""Told to end, it says that all went well."""
FILL = 'sleep 0.5; head -c 300000 /dev/zero > "$FARM_OUT/big" && echo "$FARM_ATTEMPT" > "$FARM_OUT/out"'


@pytest.fixture
def mine(provisioned: None, tmp_path: Path) -> Iterator[Head]:
    for host in HOSTS:
        on(host, f"rm -f {GO}")
    with head(tmp_path, tmp_path / "home") as made:
        yield made


@contextmanager
def at_work(mine: Head, command: str = TIDY) -> Iterator[tuple[Living, str]]:
    """A run that lasts until ``finish``, and the worker to strike: it is at work, and has not the task ``last``."""
    tasks = [{"id": "last", "command": LAST}, *({"id": f"t{each}", "command": command} for each in range(TASKS - 1))]
    with mine.running(tasks, *OPTIONS) as living:
        living.until(lambda: all(living.came_up(host) for host in HOSTS), "both workers are up")
        ((host,),) = living.until(lambda: rows(living.run, "SELECT worker FROM attempts WHERE task = 'last'"), "last")
        victim = HOSTS[1 - HOSTS.index(host)]
        living.until(lambda: attempts(living.run, victim, "sent"), f"{victim} is at work")
        yield living, victim


def others_done(run: Run) -> bool:
    return rows(run, "SELECT count(*) FROM tasks WHERE state = 'done'") == [(TASKS - 1,)]


def finish(living: Living) -> None:
    """Let the run end, and see that every task is done with the output of its accepted attempt."""
    living.until(lambda: others_done(living.run), "all other tasks are done")
    for host in HOSTS:
        on(host, f"touch {GO}")
    ended = living.ended()
    assert ended.code == Exit.OK, ended.stderr
    assert books(living.run, TASKS, HOSTS) == {"done": TASKS}
    for task, accepted in rows(living.run, "SELECT id, accepted FROM tasks"):
        assert (living.run.folder / "outputs" / task / "out").read_text() == f"{accepted}\n"


@pytest.mark.parametrize(
    ("strike", "mend"),
    [
        pytest.param(lab.kill, lab.start, id="killed"),
        pytest.param(lab.freeze, lab.thaw, id="frozen"),
        pytest.param(lab.cut, lab.heal, id="cut off"),
        pytest.param(lab.reboot, lambda _: None, id="rebooted"),
    ],
)
def test_a_worker_is_lost_and_comes_back_late_and_every_task_counts_once(
    mine: Head, strike: Callable[[str], Any], mend: Callable[[str], Any]
) -> None:
    with at_work(mine) as (living, victim):
        strike(victim)
        try:
            living.until(lambda: living.lost(victim), f"{victim} is lost")
            if strike is lab.cut:
                gone = lambda: not farm_processes(victim, past_network)  # noqa: E731
                eventually(gone, "without a beat the worker ends its tasks by itself")
            living.until(lambda: others_done(living.run), "the other worker does what the lost one had")
        finally:
            mend(victim)
        living.until(lambda: living.came_up(victim) == 2, f"{victim} is there again")
        finish(living)
    assert attempts(living.run, victim, "lost")


def test_a_worker_without_agent_sweeps_what_that_left_and_goes_on(mine: Head) -> None:
    """Supervisors die with the agent, so that the tasks themselves are left."""
    with at_work(mine, "sleep 3; echo $FARM_ATTEMPT > $FARM_OUT/out") as (living, victim):
        on(victim, "pkill -KILL -u farm -f farm-agent")
        living.until(lambda: living.came_up(victim) == 2, f"{victim} has a new agent")
        finish(living)
    assert attempts(living.run, victim, "lost")
    assert f"{victim}: swept {living.run.id}/" in living.said.read_text()


def test_sshd_is_restarted_and_nothing_is_lost(mine: Head) -> None:
    with at_work(mine) as (living, victim):
        on(victim, "systemctl restart ssh")
        finish(living)
    assert not living.lost(victim)


def test_a_connection_that_ends_is_made_again(mine: Head) -> None:
    with at_work(mine) as (living, victim):
        on(victim, "pkill -KILL -u farm sshd")
        living.until(lambda: living.came_up(victim) == 2, f"{victim} is there again")
        finish(living)
    assert attempts(living.run, victim, "lost")


def test_a_worker_whose_disk_is_full_fails_its_tasks_by_that_name_and_the_other_does_them(mine: Head) -> None:
    with at_work(mine, FILL) as (living, victim):
        lab.fill(victim)
        try:
            full = f"SELECT 1 FROM attempts WHERE worker = '{victim}' AND reason LIKE '%disk full%'"
            living.until(lambda: rows(living.run, full), "a task fails for want of room")
            living.until(lambda: others_done(living.run), "the other worker does them")
        finally:
            lab.unfill(victim)
        finish(living)


def test_a_worker_whose_disk_is_full_from_the_beginning_is_named_and_not_used(mine: Head) -> None:
    lab.fill("w4")
    try:
        ended, run = mine.run([{"id": f"t{each}", "command": "true"} for each in range(4)], *OPTIONS[:4])
    finally:
        lab.unfill("w4")
    assert ended.code == Exit.OK, ended.stderr
    assert "the agent on w4 (198.18.77.14:22) does not start: farm-agent: [Errno 28] No space left" in ended.stderr
    assert books(run, 4, HOSTS) == {"done": 4}
    assert rows(run, "SELECT DISTINCT worker FROM attempts") == [("w3",)]


def test_a_worker_that_shows_another_key_is_named_and_no_longer_used(mine: Head) -> None:
    with at_work(mine) as (living, victim):
        public = lab_host.place(lab.find(victim)).key
        keys = {path: path.read_bytes() for path in (public, public.with_suffix(""))}
        lab.rekey(victim)
        try:
            past_network(victim, "pkill -KILL -u farm sshd")
            living.until(lambda: others_done(living.run), "the other worker does what it had")
        finally:
            for path, key in keys.items():
                path.write_bytes(key)
        finish(living)
    said = living.said.read_text()
    assert f"{victim} is left out: {victim} (198.18.77.1" in said
    assert "shows another key than the one pinned" in said
    assert living.came_up(victim) == 1


def test_a_task_that_kills_its_worker_each_time_is_held_after_two_workers(mine: Head) -> None:
    """The broadcast strikes all of user farm, agent and sshd included; it must never run as anybody else."""
    poison = {"id": "poison", "command": 'sleep 0.3; test "$(id -un)" = farm && kill -KILL -1'}
    tasks = [poison, *({"id": f"t{each}", "command": "sleep 0.3"} for each in range(12))]
    hosts = ("w2", "w3", "w4")
    with mine.running(tasks, "--limit", ",".join(hosts), "--slots", "1") as living:
        ended = living.ended()
    assert ended.code == Exit.TASKS_FAILED, ended.stderr
    assert books(living.run, len(tasks), hosts) == {"done": 12, "held": 1}
    ((reason,),) = rows(living.run, "SELECT reason FROM tasks WHERE id = 'poison' AND state = 'held'")
    tried = rows(living.run, "SELECT worker, state FROM attempts WHERE task = 'poison' ORDER BY attempt")
    assert "its worker was lost each time it ran" in reason
    assert len({worker for worker, _ in tried}) == 2
    assert {state for _, state in tried} == {"lost"}
