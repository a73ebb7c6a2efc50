"""A head that dies, stands still, runs out of disk or is not the only one, on the lab: the run goes on where it was."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from heads import Head, Living, attempts, books, eventually, farm_processes, head, on, rows

from farm.errors import Exit
from farm.runs import Run

pytestmark = [pytest.mark.faults, pytest.mark.timeout(200)]

HOSTS = ("w3", "w4")
OPTIONS = ("--limit", ",".join(HOSTS), "--slots", "3")
TASKS = 24
STARTED = "/tmp/started"
"""On a worker: what was started, whatever the head knows of it."""
GO = "/tmp/go"
"""On a worker: lets tasks end that wait for it."""
COMMANDS = [
    {"id": f"t{number}", "command": f"echo $FARM_RUN $FARM_TASK $FARM_ATTEMPT >> {STARTED}; sleep 1"}
    for number in range(TASKS)
]


@pytest.fixture
def mine(provisioned: None, tmp_path: Path) -> Iterator[Head]:
    with head(tmp_path, tmp_path / "home") as made:
        yield made
    for host in HOSTS:
        on(host, f"rm -f {STARTED} {GO}")


def half_done(run: Run) -> bool:
    done = rows(run, "SELECT count(*) FROM tasks WHERE state = 'done'")
    return bool(done and done[0][0] >= 3 and all(attempts(run, host, "sent") for host in HOSTS))


def require_recorded(run: Run) -> None:
    """Nothing was started that the journal does not have."""
    said = [line.split() for host in HOSTS for line in on(host, f"cat {STARTED}").splitlines()]
    begun = {(task, int(attempt)) for name, task, attempt in said if name == run.id}
    assert begun
    assert begun <= set(rows(run, "SELECT task, attempt FROM attempts"))


def kill(living: Living) -> None:
    """SIGKILL; the workers end what they were at by themselves."""
    living.process.kill()
    living.process.wait()
    for host in HOSTS:
        eventually(lambda host=host: not farm_processes(host), f"no process of user farm on {host}")


def resume(mine: Head, run: Run) -> None:
    """Run to the end what is left, and see that every task is done once."""
    ended = mine.farm("resume", run.id, "--json")
    assert ended.code == Exit.OK, ended.stderr
    assert books(run, TASKS, HOSTS) == {"done": TASKS}
    require_recorded(run)


def test_a_head_that_is_killed_leaves_nothing_running_and_its_run_is_resumed(mine: Head) -> None:
    with mine.running(COMMANDS, *OPTIONS) as living:
        living.until(lambda: half_done(living.run), "some tasks are done, others run")
        kill(living)
        resume(mine, living.run)
    assert rows(living.run, "SELECT 1 FROM attempts WHERE state = 'lost'")
    assert mine.farm("resume", living.run.id).code == Exit.RUN, "nothing is left to do"


def test_a_torn_log_of_the_journal_is_survived_and_a_torn_journal_refused_by_name(mine: Head) -> None:
    with mine.running(COMMANDS, *OPTIONS) as living:
        living.until(lambda: half_done(living.run), "some tasks are done, others run")
        kill(living)
    run = living.run
    log = run.journal.with_name(f"{run.journal.name}-wal")
    whole = {path: path.read_bytes() for path in (run.journal, log)}
    run.journal.write_bytes(whole[run.journal][: len(whole[run.journal]) // 2])
    refused = mine.farm("resume", run.id)
    assert refused.code == Exit.RUN
    assert f"the journal {run.journal} cannot be read" in refused.stderr
    assert "begin a new run" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    for path in run.folder.glob("journal.sqlite*"):
        path.unlink()
    run.journal.write_bytes(whole[run.journal])
    log.write_bytes(whole[log][: len(whole[log]) * 3 // 5] + b"torn" * 300)
    before = dict(rows(run, "SELECT state, count(*) FROM tasks GROUP BY state"))
    assert sum(before.values()) == TASKS
    ended = mine.farm("resume", run.id, "--json")
    assert ended.code == Exit.OK, ended.stderr
    assert books(run, TASKS, HOSTS) == {"done": TASKS}


def test_a_head_that_stands_still_loses_its_workers_and_goes_on_with_them_later(mine: Head) -> None:
    with mine.running(COMMANDS, *OPTIONS) as living:
        living.until(lambda: half_done(living.run), "some tasks are done, others run")
        living.process.send_signal(signal.SIGSTOP)
        for host in HOSTS:
            eventually(lambda host=host: not farm_processes(host), f"without a beat {host} ends its tasks")
        living.process.send_signal(signal.SIGCONT)
        ended = living.ended()
    assert ended.code == Exit.OK, ended.stderr
    assert books(living.run, TASKS, HOSTS) == {"done": TASKS}
    assert all(living.lost(host) for host in HOSTS)


def test_a_second_head_is_refused_and_the_first_goes_on(mine: Head) -> None:
    waiting = [{"id": f"t{each}", "command": f"until [ -e {GO} ]; do sleep 0.1; done"} for each in range(8)]
    with mine.running(waiting, *OPTIONS) as living:
        living.until(lambda: all(attempts(living.run, host, "sent") for host in HOSTS), "both workers are at work")
        for verb in ("resume", "retry"):
            refused = mine.farm(verb, living.run.id)
            assert (refused.code, len(refused.stderr.splitlines())) == (Exit.LOCKED, 1)
            assert living.run.id in refused.stderr
        for host in HOSTS:
            on(host, f"touch {GO}")
        assert living.ended().code == Exit.OK
    assert books(living.run, 8, HOSTS) == {"done": 8}
    assert rows(living.run, "SELECT count(*) FROM attempts") == [(8,)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a head's own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", disk], check=True)


def fill(disk: Path) -> Path:
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        size = 1 << 16
        while size:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 2
    assert shutil.disk_usage(disk).free == 0
    return ballast


@pytest.mark.parametrize("fetch", [(), ("--fetch", "out")], ids=["journal", "outputs"])
def test_a_head_whose_disk_is_full_ends_in_a_sentence_and_its_run_is_resumed(
    provisioned: None, tmp_path: Path, small_disk: Path, fetch: tuple[str, ...]
) -> None:
    """With outputs to bring, a file of 100 kB a task meets the full disk first."""
    write = ' && head -c 100000 /dev/zero > "$FARM_OUT/out"' if fetch else ""
    tasks = [{**task, "command": task["command"] + write} for task in COMMANDS]
    with head(tmp_path, small_disk / "home") as mine:
        with mine.running(tasks, *OPTIONS, *fetch) as living:
            living.until(lambda: half_done(living.run), "some tasks are done, others run")
            ballast = fill(small_disk)
            ended = living.ended()
        assert (ended.code, ended.stdout) == (Exit.RUN, "")
        assert "Traceback" not in ended.stderr
        (sentence,) = [line for line in ended.stderr.splitlines() if line.startswith("farm: ")]
        assert "cannot be written" in sentence
        assert "is the head's disk full?" in sentence
        for host in HOSTS:
            eventually(lambda host=host: not farm_processes(host), f"no process of user farm on {host}")
        fill(small_disk)
        refused = mine.farm("run", str(tmp_path / "tasks.jsonl"), *OPTIONS)
        assert (refused.code, len(refused.stderr.splitlines())) == (Exit.RUN, 1), refused.stderr
        ballast.unlink()
        resume(mine, living.run)
