"""``farm bench``: how the time of a run falls with workers and with processes a worker, overheads included."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from farm import commands, execute, machine, preflight, rebuild, runs
from farm.errors import Exit, InputError, RunError
from farm.figures import Bench, Figure, Setting
from farm.inventory import Inventory
from farm.journal import Task
from farm.plan import Plan, choose
from farm.summary import Summary
from farm.transport import Transport

WAITS = 16
"""Waiting tasks a slot."""
_SAMPLE = 1 / 64
"""Part of the ring that is counted to guess how many objects the table has."""

REBUILDING = """\
Each figure is one rebuild of the same objects: the table's objects are guessed from 1/64 of the ring, and as much of
the ring as should hold the wanted number, in three arcs spread over it, is planned as farm rebuild plans it (three
tasks a slot) and rebuilt; `objects` is how many there really were. One run with all workers and processes goes before
the figures and is not counted, so that all of them find the same caches. Seconds are whole: asking the workers,
testing their way to Cassandra, planning, connecting, computing, and the verified parts on the head.
`seconds_for_3700000` is seconds x 3,700,000 / objects. The seed's figures are seconds for 128,000 objects."""
WAITING = f"""\
Each figure is one run of tasks that sleep, {WAITS} a slot, so that the ideal is known: {WAITS} x the seconds of one,
whatever the number of slots. Seconds are whole: asking the workers, connecting, every task, and the journal.
Efficiency is the ideal divided by the seconds."""


def settings(workers: Sequence[int], processes: Sequence[int]) -> list[Setting]:
    return [Setting(each, slots) for each in sorted(set(workers)) for slots in sorted(set(processes))]


def rebuilding(inventory: Inventory, transport: Transport, wanted: Sequence[Setting], objects: int) -> Bench:
    """Rebuild ``objects`` objects in every setting.

    Raises what keeps a worker from working, InputError where the table is empty, RunError for a run that is not whole.
    """
    names = _names(inventory, wanted)
    told = _describe(inventory, transport, names)
    most = Setting(max(each.workers for each in wanted), max(each.processes for each in wanted))
    _, counted = _rebuild(inventory, transport, names, most, _SAMPLE)
    if not counted:
        raise InputError(f"Cassandra has no objects in 1/{1 / _SAMPLE:.0f} of the ring: farm lab seed")
    part = min(1.0, objects / (counted / _SAMPLE))
    _rebuild(inventory, transport, names, most, part)
    figures = []
    for setting in wanted:
        seconds, done = _rebuild(inventory, transport, names, setting, part)
        figures.append(Figure(setting, seconds, done))
    return Bench("rebuild", REBUILDING, _today(), machine.describe(), told, compared(figures))


def waiting(inventory: Inventory, transport: Transport, wanted: Sequence[Setting], seconds: float) -> Bench:
    """Run tasks that sleep for ``seconds`` in every setting. Raises as ``rebuilding`` does."""
    names = _names(inventory, wanted)
    told = _describe(inventory, transport, names)
    figures = []
    for setting in wanted:
        tasks = [Task(f"s{number}", f"exec sleep {seconds}") for number in range(WAITS * setting.slots)]
        begun = time.monotonic()
        limit = ",".join(names[: setting.workers])
        _gone(inventory, commands.run(inventory, transport, tasks, slots=setting.processes, limit=limit))
        figures.append(Figure(setting, time.monotonic() - begun, len(tasks), ideal=WAITS * seconds))
    return Bench("waiting", WAITING, _today(), machine.describe(), told, compared(figures))


def compared(figures: Sequence[Figure]) -> list[Figure]:
    """Each figure with its speed-up over the first, which has the fewest slots."""
    first = figures[0]
    return [replace(each, base=first) for each in figures]


def _today() -> str:
    return time.strftime("%Y-%m-%d", time.gmtime())


def _names(inventory: Inventory, wanted: Sequence[Setting]) -> list[str]:
    names = [host.name for host in inventory.group("workers")]
    if (most := max(each.workers for each in wanted)) > len(names):
        raise InputError(f"--workers {most}: inventory {inventory.env} has {len(names)} workers")
    return names


def _describe(inventory: Inventory, transport: Transport, names: Sequence[str]) -> list[dict[str, Any]]:
    reports = preflight.ask(choose(inventory.group("workers"), ",".join(names)), transport)
    preflight.ready(reports, inventory)
    facts = [(each.host.name, each.facts) for each in reports if each.facts]
    return [{"name": name, "cores": each.cores, "memory_gib": round(each.memory / 2**30, 1)} for name, each in facts]


def _rebuild(
    inventory: Inventory, transport: Transport, names: Sequence[str], setting: Setting, part: float
) -> tuple[float, int]:
    """Rebuild a part of the ring: (seconds, objects)."""
    begun = time.monotonic()
    limit = ",".join(names[: setting.workers])
    # What a table says is for a run that loads: it is not what is measured.
    planned = rebuild.prepare(replace(inventory, given={}), transport, part=part, slots=setting.processes, limit=limit)
    summary = _run(inventory, transport, planned, part)
    seconds = time.monotonic() - begun
    _gone(inventory, summary)
    return seconds, summary.results.get("objects", 0)


def _run(inventory: Inventory, transport: Transport, planned: Plan, part: float) -> Summary:
    run = runs.create(inventory.env, "bench")
    meta = {"verb": "bench", "window": planned.window, "objects": {"source": f"{part:.4f} of the ring"}}
    journal = execute.begin(run, inventory, planned.release, planned.workers, planned.tasks, meta)
    try:
        return rebuild.work(run, inventory, planned.workers, planned.release, planned.window, transport, journal)
    finally:
        journal.close()


def _gone(inventory: Inventory, summary: Summary) -> None:
    """A measured run leaves nothing but its figure. Raises RunError for one that is not whole, which stays."""
    if summary.interrupted:
        raise KeyboardInterrupt
    if summary.exit not in (Exit.OK, Exit.UNREAD):
        raise RunError(f"run {summary.run} of the bench is not whole: farm status {summary.run} -i {inventory.env}")
    shutil.rmtree(runs.find(inventory.env, summary.run).folder)
