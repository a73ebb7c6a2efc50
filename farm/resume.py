"""Go on with a run whose head ended before its tasks did, with the release that it began with."""

import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath

from farm import busy, commands, plan, preflight, rebuild, runs
from farm import journal as record
from farm.errors import ReleaseError, RunError
from farm.inventory import Inventory
from farm.journal import Journal
from farm.link import Worker
from farm.mining import run as mining
from farm.preflight import Release
from farm.runs import Run
from farm.summary import Summary
from farm.transport import Transport

_SECONDS = 10


@dataclass(frozen=True)
class _Known:
    """What the journal says of a run."""

    verb: str
    release: Release
    slots: dict[str, int]


def resume(
    inventory: Inventory,
    transport: Transport,
    text: str,
    *,
    slots: int | None = None,
    limit: str | None = None,
    forgive: bool = False,
) -> Summary:
    """Run what is open of the run that ``text`` means; with ``forgive``, what is held too.

    Each worker has ``slots``, or else what it had before, and keeps them for the next time.

    Raises RunError where the run does not exist or has nothing open, ReleaseError where a worker has lost the run's
    release, LockedError where another head works at it.
    """
    run = runs.find(inventory.env, text)
    journal = Journal(run.journal)
    try:
        journal.verify()
        known = _known(run, journal)
        workers = _workers(inventory, known, slots, limit)
        _require_release(workers, known.release, transport)
        with run.locked():
            if forgive:
                journal.commit([record.forgiven()])
            if known.verb != "mine" or not mining.unfinished(run, journal):
                _require_open(run, journal)
            journal.commit([record.noted("workers", known.slots | {each.name: each.slots for each in workers})])
        if known.verb == "rebuild":
            window = journal.meta()["window"]
            return rebuild.work(run, inventory, workers, known.release, window, transport, journal)
        if known.verb == "mine":
            return mining.work(run, inventory, workers, known.release, transport, journal)
        work = {"busy": busy.work, "run": commands.work}[known.verb]
        return work(run, workers, known.release, transport, journal)
    finally:
        journal.close()


def _known(run: Run, journal: Journal) -> _Known:
    meta = journal.meta()
    try:
        release = Release(PurePosixPath(meta["folder"]), meta["release"], meta["schema"])
        known = _Known(meta["verb"], release, meta["workers"])
    except KeyError as error:
        raise RunError(f"the journal of run {run.id} lacks {error}: it cannot be resumed, begin a new run") from None
    if known.verb == "bench":
        raise RunError(f"run {run.id} was measured by farm bench, which measures whole runs only: farm bench again")
    return known


def _workers(inventory: Inventory, known: _Known, slots: int | None, limit: str | None) -> list[Worker]:
    hosts = plan.choose(inventory.group("workers"), limit or ",".join(known.slots))
    return [Worker(host, slots or known.slots.get(host.name) or host.slots or 1) for host in hosts]


def _require_release(workers: list[Worker], release: Release, transport: Transport) -> None:
    check = f"test -x {shlex.quote(str(release.folder / 'bin' / 'farm-agent'))}"
    if lacking := preflight.failures([worker.host for worker in workers], transport, check, _SECONDS):
        raise ReleaseError(
            f"{', '.join(lacking)} lacks {release.folder}, the run's release: begin a new run, or go on with --limit"
        )


def _require_open(run: Run, journal: Journal) -> None:
    counts = journal.counts()
    if not any(number for state, number in counts.items() if state not in ("done", "held")):
        held = f"; {counts['held']} tasks are held: farm retry {run.id}" if counts.get("held") else ""
        raise RunError(f"run {run.id} has nothing left to do{held}")
