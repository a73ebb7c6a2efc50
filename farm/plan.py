"""What a run will do, before it does it: the ring of tokens, or a list of objects, cut evenly into tasks. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import Any, Literal

from farm.errors import Exit, InventoryError
from farm.inventory import Host
from farm.journal import Task
from farm.link import Worker
from farm.objects import Objects
from farm.parts import FIRST_TOKEN, LAST_TOKEN
from farm.preflight import Release
from features import DEFAULT

TASKS_A_SLOT = 3
"""Enough to balance workers of unlike speed; each one more costs a start, some 0.5 s of computing on both sides."""
_ARCS = TASKS_A_SLOT
OBJECTS_A_TASK = (500, 4_000)
"""At least, so that its start is noise; at most, since a task's names stand in its command line."""
_END = "END OF OBJECTS"
"""No name has a space."""

Window = int | Literal["all"]


@dataclass(frozen=True)
class Plan:
    """A rebuild as it will run."""

    env: str
    workers: tuple[Worker, ...]
    release: Release
    window: Window
    tasks: tuple[Task, ...]
    objects: Objects | None = None
    """Those that it was asked for by name; None: every object."""

    @property
    def slots(self) -> int:
        return sum(worker.slots for worker in self.workers)


def cut(pieces: int, part: float = 1.0) -> list[tuple[int, int]]:
    """The whole ring in even ranges, LO < token <= HI; with ``part`` below 1, that part of it, in arcs spread over it.

    The arcs are the same for any number of pieces. Raises ValueError for less than one piece.
    """
    if pieces < 1:
        raise ValueError(f"the ring cannot be cut into {pieces} ranges")
    if part >= 1:
        return _evenly(FIRST_TOKEN, LAST_TOKEN, pieces)
    arcs = [(low, low + max(pieces, int((high - low) * part))) for low, high in cut(_ARCS)]
    return [piece for low, high in arcs for piece in _evenly(low, high, ceil(pieces / _ARCS))]


def _evenly(low: int, high: int, pieces: int) -> list[tuple[int, int]]:
    return list(pairwise(low + (high - low) * piece // pieces for piece in range(pieces + 1)))


def share(ids: Sequence[str], slots: int) -> list[tuple[str, ...]]:
    """The names in even lists of consecutive ones, some a slot where there are enough."""
    least, most = OBJECTS_A_TASK
    pieces = max(ceil(len(ids) / most), min(ceil(len(ids) / least), TASKS_A_SLOT * slots))
    edges = [len(ids) * piece // pieces for piece in range(pieces + 1)]
    return [tuple(ids[low:high]) for low, high in pairwise(edges)]


def rebuild(
    env: str,
    workers: Sequence[Worker],
    release: Release,
    window: Window,
    *,
    pieces: int | None = None,
    objects: Objects | None = None,
    rate: int | None = None,
    part: float = 1.0,
    survey: str = DEFAULT,
    given: str = "",
    as_lasair: bool = False,
) -> Plan:
    """Plan the rebuild of every object, of ``objects``, or of a ``part`` of the ring, spread over it.

    ``pieces`` is the number of token ranges, None: some a slot; ``rate`` is how many rows a second Cassandra is asked
    for, by all slots together. ``given`` are the options that name what comes from outside Cassandra
    (``farm.given.options``); ``as_lasair``: with the original code's defects.
    """
    slots = sum(worker.slots for worker in workers)
    whose = f"--survey {survey} " if survey != DEFAULT else ""
    whose += given
    whose += "--as-lasair " if as_lasair else ""
    common = f'{whose}--window {window}{manners(rate, slots)} --out "$FARM_OUT/$FARM_TASK.$FARM_ATTEMPT.csv"'
    program = f"exec {release.program('rebuild_objects')}"
    todo = tasks(program, common, slots, pieces=pieces, objects=objects, part=part)
    return Plan(env, tuple(workers), release, window, todo, objects)


def manners(rate: int | None, slots: int) -> str:
    """The option that has all slots together ask for so many rows a second."""
    return f" --max-rows-per-second {max(1, rate // slots)}" if rate else ""


def tasks(
    program: str,
    common: str,
    slots: int,
    *,
    pieces: int | None = None,
    objects: Objects | None = None,
    part: float = 1.0,
) -> tuple[Task, ...]:
    """A program that takes ``--range`` or ``--objects``, over the ring, a part of it, or the named objects."""
    if objects is None:
        todo = [
            _range(f"{program} --range={low}:{high} {common}", low, high)
            for low, high in cut(pieces or TASKS_A_SLOT * slots, part)
        ]
    else:
        todo = [_named(f"{program} --objects /dev/stdin {common}", ids) for ids in share(objects.ids, slots)]
    return _numbered(todo)


def _range(command: str, low: int, high: int) -> tuple[str, Mapping[str, Any]]:
    return command, {"range": [low, high]}


def _named(command: str, ids: Sequence[str]) -> tuple[str, Mapping[str, Any]]:
    return "\n".join([f"{command} <<'{_END}'", *ids, _END]), {"objects": len(ids)}


def _numbered(todo: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[Task, ...]:
    digits = len(str(len(todo)))
    return tuple(
        Task(id=f"r{number:0{digits}}", command=command, ok=(Exit.OK, Exit.UNREAD), detail=detail)
        for number, (command, detail) in enumerate(todo, start=1)
    )


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
        "objects": plan.objects.as_json() if plan.objects else None,
        "workers": [{"name": worker.name, "slots": worker.slots} for worker in plan.workers],
        "tasks": [{"id": task.id, **(task.detail or {}), "command": task.command} for task in plan.tasks],
    }
