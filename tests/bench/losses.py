"""Workers that are lost and workers that only seem so, on a provisioned lab: ``python -m tests.bench losses``.

Time to notice: from just before the fault to the moment at which the head says that the worker is lost, while all
slots of two workers have tasks. False losses: how often a head says so of a worker that only has much to do, while
every slot of all four computes; all hosts share this machine's cores, so every process waits for its turn.
Prints a table, or JSON; nothing else should use the lab meanwhile.
"""

import argparse
import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from farm import lab, runs
from farm.runs import Run
from tests.bench import machine

FARM = Path(sys.executable).with_name("farm")
FAULTS: Mapping[str, tuple[Callable[[str], None], Callable[[str], None]]] = {
    "killed": (lab.kill, lab.start),
    "frozen": (lab.freeze, lab.thaw),
    "cut off": (lab.cut, lab.heal),
}
REPEATS = 3
BUSY_SECONDS = 5
SLOTS = 8
"""On each of four workers."""
_PATIENCE = 30


def measure(minutes: float = 10) -> dict[str, Any]:
    """``minutes`` of every slot computing."""
    return {
        "seconds_to_notice": {name: [round(_notice(name), 2) for _ in range(REPEATS)] for name in FAULTS},
        "false_losses": _false_losses(minutes, SLOTS),
    }


def table(measured: Mapping[str, Any]) -> str:
    lines = ["a lost worker     seconds until it is noticed"]
    for name, seconds in measured["seconds_to_notice"].items():
        lines.append(f"{name:17} {', '.join(f'{each:.1f}' for each in seconds)}")
    each = measured["false_losses"]
    said = f"{each['minutes']:g} minutes on {each['slots']} slots that compute"
    lines.append(f"{said}: {each['lost']} workers lost falsely, {each['done']} of {each['tasks']} tasks done")
    return "\n".join(lines)


def _notice(fault: str) -> float:
    strike, mend = FAULTS[fault]
    with _run("busy", "--tasks", "8", "--seconds", "600", "--limit", "w3,w4", "--slots", "4") as (process, run):
        _wait(lambda: _rows(run, "SELECT count(*) FROM attempts") == [(8,)])
        struck = time.time()
        strike("w4")
        try:
            lost = _wait(lambda: _rows(run, "SELECT at FROM events WHERE worker = 'w4' AND what = 'lost'"))
        finally:
            mend("w4")
            for _ in range(2):
                process.send_signal(signal.SIGINT)
                time.sleep(0.5)
    return float(lost[0][0]) - struck


def _false_losses(minutes: float, slots: int) -> dict[str, Any]:
    tasks = round(minutes * 60 / BUSY_SECONDS * 4 * slots)
    with _run("busy", "--tasks", str(tasks), "--seconds", str(BUSY_SECONDS), "--slots", str(slots)) as (process, run):
        process.wait()
    ((lost,),) = _rows(run, "SELECT count(*) FROM events WHERE what = 'lost'")
    ((done,),) = _rows(run, "SELECT count(*) FROM tasks WHERE state = 'done'")
    ((seconds,),) = _rows(run, "SELECT max(ended) - min(started) FROM attempts")
    return {"slots": 4 * slots, "minutes": round(seconds / 60, 2), "tasks": tasks, "done": done, "lost": lost}


@contextmanager
def _run(*arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], Run]]:
    before = {run.id for run in runs.every("lab")}
    quiet = subprocess.DEVNULL
    process = subprocess.Popen([FARM, *arguments], stdin=quiet, stdout=quiet, stderr=quiet)
    try:
        yield process, _wait(lambda: [run for run in runs.every("lab") if run.id not in before])[0]
    finally:
        try:
            process.wait(_PATIENCE)
        finally:
            process.kill()


def _wait(condition: Callable[[], Any]) -> Any:
    end = time.monotonic() + _PATIENCE
    while not (found := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {_PATIENCE} s")
        time.sleep(0.02)
    return found


def _rows(run: Run, query: str) -> list[tuple[Any, ...]]:
    if not run.journal.exists():
        return []
    with closing(sqlite3.connect(f"file:{run.journal}?mode=ro", uri=True)) as db:
        return db.execute(query).fetchall()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    measured = {"schema": 1, "machine": machine.describe(), **measure(given.minutes)}
    print(json.dumps(measured, indent=1) if given.json else table(measured))


if __name__ == "__main__":
    main()
