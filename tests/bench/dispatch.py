"""``python -m tests.bench.dispatch``: how quickly the farm hands out tasks, on a provisioned lab; prints JSON.

Latency of a slot: from one attempt's start to the next one's, as the head records them, less the seconds that the
worker measured around the command's ``/bin/sh -c``. Everything between is in it: end seen on the worker, news to the
head, commit, command to the worker, fork.
"""

import json
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from farm import runs
from farm.events import Done, Exited, Start, Up
from farm.scheduler import Scheduler
from tests.bench import machine

FARM = Path(sys.executable).with_name("farm")


def scheduler_alone(tasks: int = 1_000_000, workers: int = 1000, slots: int = 32) -> dict[str, Any]:
    """The scheduler, its workers answered at once."""
    begun = time.perf_counter()
    scheduler = Scheduler()
    for number in range(tasks):
        scheduler.submit(f"t{number:07d}")
    todo = deque(action for number in range(workers) for action in scheduler.handle(Up(f"w{number}", slots), 0))
    while todo:
        action = todo.popleft()
        if isinstance(action, Start):
            todo += scheduler.handle(Exited(action.task, action.attempt), 0)
            todo += scheduler.handle(Done(action.task, action.attempt), 0)
    assert scheduler.ended
    return {
        "tasks": tasks,
        "workers": workers,
        "seconds": round(time.perf_counter() - begun, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000),
    }


def dispatch(tasks: int, slots: int, workers: str, command: str = "sleep 0.05") -> dict[str, Any]:
    """Short tasks over some workers."""
    with tempfile.NamedTemporaryFile("w", suffix=".tasks") as file:
        file.write(f"{command}\n" * tasks)
        file.flush()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        begun = time.perf_counter()
        subprocess.run(
            [FARM, "run", file.name, "--slots", str(slots), "--limit", workers],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        seconds = time.perf_counter() - begun
        now = resource.getrusage(resource.RUSAGE_CHILDREN)
    latency = sorted(_latencies(runs.find("lab", "last")))
    return {
        "tasks": tasks,
        "slots": f"{workers.count(',') + 1} x {slots}",
        "command": command,
        "seconds_with_start": round(seconds, 2),
        "seconds_of_tasks": round(_span(runs.find("lab", "last")), 2),
        "head_cpu_seconds": round(now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime, 2),
        "latency_ms_median": round(1000 * statistics.median(latency), 1),
        "latency_ms_99": round(1000 * latency[int(0.99 * len(latency))], 1),
    }


def _span(run: runs.Run) -> float:
    with closing(sqlite3.connect(run.journal)) as db:
        first, last = db.execute("SELECT min(started), max(ended) FROM attempts").fetchone()
    return float(last - first)


def _latencies(run: runs.Run) -> Iterator[float]:
    """By worker: each start follows the end that came last before it and that no other start has followed."""
    with closing(sqlite3.connect(run.journal)) as db:
        rows = db.execute("SELECT worker, started, ended, wall FROM attempts ORDER BY started").fetchall()
    for worker in {row[0] for row in rows}:
        mine = [row[1:] for row in rows if row[0] == worker]
        ended = sorted((end, start + wall) for start, end, wall in mine)
        for start, _, _ in mine:
            before = [each for each in ended if each[0] <= start]
            if before:
                ended.remove(before[0])
                yield start - before[0][1]


def main() -> None:
    measured = {
        "schema": 1,
        "machine": machine.describe(),
        "scheduler_alone": scheduler_alone(),
        "eight_slots": dispatch(200, 4, "w1,w2"),
        "thirty_two_slots": dispatch(640, 8, "w1,w2,w3,w4", "sleep 0.5"),
        "thirty_two_waiting_slots": dispatch(64, 8, "w1,w2,w3,w4", "sleep 10"),
    }
    print(json.dumps(measured, indent=1))


if __name__ == "__main__":
    main()
