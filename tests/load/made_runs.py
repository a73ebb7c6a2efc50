"""Runs of farm rebuild as they stand on the head, made without workers."""

from pathlib import Path
from typing import Any

from simulated_parts import write_part

from farm import journal as record
from farm import runs
from farm.events import State
from farm.journal import Journal, Task
from farm.runs import Run
from features.batch import Rows

RELEASE = "/opt/farm/releases/" + "a" * 64


def make_run(env: str, parts: list[Rows], verb: str = "rebuild", release: str = RELEASE, **manifest: Any) -> Run:
    """A run that ended well, with a part a task; the parts are of named objects."""
    run = runs.create(env, verb)
    tasks = [Task(f"r{number}", "rebuild_objects") for number in range(len(parts))]
    journal = Journal.create(run.journal, {"environment": env, "folder": release}, tasks)
    for task, rows in zip(tasks, parts, strict=True):
        csv = write_part(run.parts, rows, task.id, run=run.id, environment=env, **{"range": None, **manifest})
        settle(journal, task.id, State.DONE)
        assert csv.exists()
    journal.close()
    return run


def settle(journal: Journal, task: str, state: State) -> None:
    accepted = 1 if state is State.DONE else None
    journal.commit([record.started(task, 1, "w1", "mark", 0.0), record.settled(task, state, "", accepted)])


def files(run: Run) -> list[Path]:
    return sorted(run.parts.iterdir())
