"""What a run will do, before it does it: the ring of tokens cut evenly into tasks. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from farm.errors import Exit, InventoryError
from farm.inventory import Host
from farm.journal import Task
from farm.link import Worker
from farm.parts import FIRST_TOKEN, LAST_TOKEN
from farm.preflight import Release

TASKS_A_SLOT = 3
"""Enough to balance workers of unlike speed; each one more costs a start, some 0.5 s of computing on both sides."""

Window = int | Literal["all"]


@dataclass(frozen=True)
class Plan:
    """A rebuild as it will run."""

    env: str
    workers: tuple[Worker, ...]
    release: Release
    window: Window
    tasks: tuple[Task, ...]

    @property
    def slots(self) -> int:
        return sum(worker.slots for worker in self.workers)


def cut(pieces: int) -> list[tuple[int, int]]:
    """The whole ring in even ranges, LO < token <= HI. Raises ValueError for less than one piece."""
    if pieces < 1:
        raise ValueError(f"the ring cannot be cut into {pieces} ranges")
    width = LAST_TOKEN - FIRST_TOKEN
    edges = [FIRST_TOKEN + width * piece // pieces for piece in range(pieces + 1)]
    return list(pairwise(edges))


def rebuild(env: str, workers: Sequence[Worker], release: Release, window: Window, pieces: int | None) -> Plan:
    """Plan the rebuild of every object; ``pieces`` None: some a slot."""
    ranges = cut(pieces or TASKS_A_SLOT * sum(worker.slots for worker in workers))
    digits = len(str(len(ranges)))
    program = release.program("rebuild_objects")
    tasks = tuple(
        Task(
            id=f"r{number:0{digits}}",
            command=f"exec {program} --range={low}:{high} --window {window}"
            ' --out "$FARM_OUT/$FARM_TASK.$FARM_ATTEMPT.csv"',
            ok=(Exit.OK, Exit.UNREAD),
            detail={"range": [low, high]},
        )
        for number, (low, high) in enumerate(ranges, start=1)
    )
    return Plan(env, tuple(workers), release, window, tasks)


def choose(hosts: Sequence[Host], limit: str | None, exclude: str | None = None) -> tuple[Host, ...]:
    """The hosts that ``limit`` names, or all, but those that ``exclude`` names; names are separated by commas.

    Raises InventoryError for a name that no host has, and where nobody is left.
    """
    known = {host.name: host for host in hosts}
    wanted = list(known) if limit is None else _names("--limit", limit, known)
    unwanted = () if exclude is None else _names("--exclude", exclude, known)
    chosen = tuple(known[name] for name in wanted if name not in unwanted)
    if not chosen:
        raise InventoryError("--exclude leaves no worker: name fewer")
    return chosen


def _names(option: str, text: str, known: Mapping[str, Host]) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        listed = ", ".join(known)
        raise InventoryError(
            f"{option} names {', '.join(unknown) or 'nobody'}, which is no worker; the workers are {listed}"
        )
    return list(dict.fromkeys(names))


def as_json(plan: Plan) -> dict[str, Any]:
    return {
        "schema": 1,
        "environment": plan.env,
        "release": plan.release.digest,
        "window": plan.window,
        "workers": [{"name": worker.name, "slots": worker.slots} for worker in plan.workers],
        "tasks": [{"id": task.id, **(task.detail or {}), "command": task.command} for task in plan.tasks],
    }
