"""How quickly the farm hands out tasks, on a provisioned lab, beside GNU parallel.

``python -m tests.bench dispatch`` keeps the figures; ``python -m tests.bench.dispatch`` only prints them.

Latency of a slot: from one attempt's start to the next one's start on that slot, as the head records them, less the
time that the command's bare ``sh -c`` takes: the median on the same workers, with as many at a time, without the farm,
measured in the same run. So all is in it that the farm does: supervisor, end seen on the worker, news to the head,
journal, command to the worker, fork. Beside it stands the same less what each attempt's own command took by its
worker's clock, which leaves out what busy cores do to ``sleep``.

GNU parallel gets the same tasks over the same SSH (key, known hosts, user) with the same slots, whole commands from
the shell's point of view, turn by turn with ``farm run``; the medians count.

The head's share of a core is its processor time between two looks at /proc, while all slots have tasks, with the
living view on a terminal and without one. The scheduler alone gets events as fast as it answers them, in a process of
its own. All hosts share this machine's cores.
"""

import json
import os
import pty
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from farm import head_setup, lab, runs
from farm.home import Home

ROOT = Path(__file__).parents[2]
FARM = [sys.executable, "-c", "from farm.main import main; main()"]
REPEATS = 3
BARE = """
import json, subprocess, sys, threading, time
slots, number, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
took = []
def loop():
    for _ in range(number):
        begun = time.monotonic()
        subprocess.run(["/bin/sh", "-c", command])
        took.append(time.monotonic() - begun)
threads = [threading.Thread(target=loop) for _ in range(slots)]
[each.start() for each in threads]
[each.join() for each in threads]
print(json.dumps(took))
"""
"""Run on a worker: seconds of the command's ``sh -c``, with so many at a time."""

Row = dict[str, Any]


def measure() -> Row:
    return {
        "method": __doc__,
        "scheduler_alone": scheduler_alone(),
        "latency": [latency(("w1", "w2"), 4, 400, 0.05), latency(("w1", "w2", "w3", "w4"), 8, 960, 0.5)],
        "beside_gnu_parallel": beside_parallel(),
        "head_32_busy_slots": {"living_view": head_share(terminal=True), "plain_lines": head_share(terminal=False)},
    }


def scheduler_alone(tasks: int = 1_000_000, workers: int = 1_000) -> Row:
    program = Path(__file__).with_name("scheduler_alone.py")
    done = subprocess.run(
        [sys.executable, program, str(tasks), str(workers)], check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    told: Row = json.loads(done.stdout)
    return told


# Latency


def latency(workers: Sequence[str], slots: int, tasks: int, seconds: float) -> Row:
    """Short tasks over some workers, and the same commands without the farm."""
    command = f"sleep {seconds}"
    bare = sorted(_bare(workers, slots, max(4, tasks // (slots * len(workers))), command))
    with _tasks(command, tasks) as file:
        _farm(file, slots, workers, check=True)
    cycles = list(_cycles(_last()))
    beyond = sorted(cycle - statistics.median(bare) for cycle, _ in cycles)
    clocked = sorted(cycle - wall for cycle, wall in cycles)
    return {
        "slots": slots * len(workers),
        "workers": len(workers),
        "tasks": tasks,
        "command": command,
        "bare_ms": _spread(bare),
        "latency_ms": _spread(beyond),
        "beyond_own_command_ms": _spread(clocked),
    }


def _spread(values: Sequence[float]) -> Row:
    """Median and 99th percentile of sorted seconds, in milliseconds."""
    return {
        "median": round(1000 * statistics.median(values), 1),
        "p99": round(1000 * values[min(len(values) - 1, int(0.99 * len(values)))], 1),
        "number": len(values),
    }


def _bare(workers: Sequence[str], slots: int, number: int, command: str) -> list[float]:
    """Seconds of every ``sh -c``, on all workers at once."""
    words = ["/opt/farm/current/bin/python", "-", str(slots), str(number), f"'{command}'"]
    asked = [
        subprocess.Popen(
            lab.ssh_command(lab.find(name), " ".join(words)),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for name in workers
    ]  # fmt: skip
    for each in asked:
        assert each.stdin
        each.stdin.write(BARE)
        each.stdin.close()
    return [took for each in asked for took in json.loads(each.stdout.read() if each.stdout else "")]


def _cycles(run: runs.Run) -> Iterator[tuple[float, float]]:
    """From an attempt's start to the next one's on that slot, and what its command took by the worker's clock.

    By worker: each start follows the end that came first before it and that no other start has followed.
    """
    with closing(sqlite3.connect(run.journal)) as db:
        rows = db.execute("SELECT worker, started, ended, wall FROM attempts ORDER BY started").fetchall()
    for worker in {row[0] for row in rows}:
        mine = [row[1:] for row in rows if row[0] == worker]
        ended = sorted((end, start, wall) for start, end, wall in mine)
        for start, _, _ in mine:
            if before := next((each for each in ended if each[0] <= start), None):
                ended.remove(before)
                yield start - before[1], before[2]


# Beside GNU parallel


def beside_parallel(tasks: int = 200, slots: int = 4, seconds: float = 0.05) -> Row:
    """The same tasks by turns; seconds of whole commands."""
    packages = head_setup.packages((ROOT / "requirements" / "debian-bench.txt").read_text())
    if absent := head_setup.missing(packages):
        head_setup.install(absent)
    workers = ("w1", "w2")
    ours, theirs = [], []
    with _tasks(f"sleep {seconds}", tasks) as file:
        for _ in range(REPEATS):
            theirs.append(_parallel(file, slots, workers))
            ours.append(_timed(lambda: _farm(file, slots, workers, check=True)))
    return {
        "tasks": tasks,
        "slots": f"{len(workers)} x {slots}",
        "command": f"sleep {seconds}",
        "ideal_seconds": tasks * seconds / (slots * len(workers)),
        "farm_run_seconds": [round(each, 2) for each in ours],
        "gnu_parallel_seconds": [round(each, 2) for each in theirs],
        "ratio": round(statistics.median(ours) / statistics.median(theirs), 3),
    }


def _parallel(file: str, slots: int, workers: Sequence[str]) -> float:
    home = Home("lab")
    ssh = f"ssh -i {home.key} -o UserKnownHostsFile={home.known_hosts} -o StrictHostKeyChecking=yes -o BatchMode=yes"
    logins = ",".join(f"{slots}/farm@{lab.find(name).address}" for name in workers)
    words = ["parallel", "--will-cite", "--ssh", ssh, "--sshlogin", logins, "--arg-file", file]
    return _timed(lambda: subprocess.run(words, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL))


def _timed(action: Any) -> float:
    begun = time.monotonic()
    action()
    return time.monotonic() - begun


# The head


def head_share(*, terminal: bool, slots: int = 8, seconds: float = 2.0, looks: float = 15.0) -> Row:
    """Processor time of ``farm run`` over a while in which all slots have tasks, as a share of one core."""
    workers = ("w1", "w2", "w3", "w4")
    tasks = int((looks + 10) / seconds) * slots * len(workers)
    with _tasks(f"sleep {seconds}", tasks) as file:
        head = _start(file, slots, workers, terminal)
        try:
            time.sleep(6)
            before, began = _cpu(head.pid), time.monotonic()
            time.sleep(looks)
            share = (_cpu(head.pid) - before) / (time.monotonic() - began)
            assert head.poll() is None, "the run ended before the look at it"
        finally:
            head.terminate()
            head.wait()
    return {"slots": slots * len(workers), "command": f"sleep {seconds}", "share_of_a_core": round(share, 3)}


def _start(file: str, slots: int, workers: Sequence[str], terminal: bool) -> "subprocess.Popen[bytes]":
    words = [*FARM, "run", file, "--slots", str(slots), "--limit", ",".join(workers)]
    if not terminal:
        return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
    head = subprocess.Popen(words, cwd=ROOT, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    Thread(target=_swallow, args=(master,), daemon=True).start()
    return head


def _swallow(master: int) -> None:
    try:
        while os.read(master, 1 << 16):
            pass
    except OSError:
        os.close(master)


def _cpu(pid: int) -> float:
    """Seconds of user and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# What they share


@contextmanager
def _tasks(command: str, number: int) -> Iterator[str]:
    with tempfile.NamedTemporaryFile("w", suffix=".tasks") as file:
        file.write(f"{command}\n" * number)
        file.flush()
        yield file.name


def _farm(file: str, slots: int, workers: Sequence[str], *, check: bool) -> None:
    words = [*FARM, "run", file, "--slots", str(slots), "--limit", ",".join(workers)]
    subprocess.run(words, check=check, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _last() -> runs.Run:
    return runs.find("lab", "last", "run")


def table(measured: Row) -> str:
    """The figures for a person, each with what it is to reach."""
    alone, beside = measured["scheduler_alone"], measured["beside_gnu_parallel"]
    told = [
        f"scheduler alone, {alone['tasks']:,} tasks, {alone['workers']:,} workers: {alone['seconds']} s, "
        f"{alone['peak_mb']} MB (60 s, 1000 MB)"
    ]
    for each in measured["latency"]:
        late = each["latency_ms"]
        told.append(f"latency on {each['slots']} slots: median {late['median']} ms, p99 {late['p99']} ms (20, 100)")
    told.append(
        f"200 tasks of 50 ms on 2 x 4 slots: {statistics.median(beside['farm_run_seconds']):.1f} s, GNU parallel"
        f" {statistics.median(beside['gnu_parallel_seconds']):.1f} s, ratio {beside['ratio']} (0.2)"
    )
    for view, each in measured["head_32_busy_slots"].items():
        told.append(f"head with 32 busy slots, {view.replace('_', ' ')}: {each['share_of_a_core']:.1%} of a core (10%)")
    return "\n".join(told)


def main() -> None:
    measured = measure()
    print(json.dumps(measured, indent=1))
    sys.stderr.write(f"{table(measured)}\n")


if __name__ == "__main__":
    main()
