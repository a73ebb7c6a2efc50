"""From hosts to a finished run: who works, the run under its lock and before the user's eyes, and its summary."""

import signal
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import gevent

from farm import preflight, show
from farm.errors import Exit
from farm.events import State
from farm.inventory import Host, Inventory
from farm.job import Job
from farm.journal import Journal, Task
from farm.link import Worker
from farm.preflight import Release, Report
from farm.runner import Runner
from farm.runs import Run
from farm.transport import Transport


@dataclass(frozen=True)
class WorkerShare:
    """What a worker did."""

    done: int
    """Tasks."""
    seconds: float
    """Sum over its tasks."""
    results: Mapping[str, int]
    """Sums over its accepted outputs: objects, rows, bytes."""
    attempts: Mapping[str, int]
    """All attempts on it, by how they ended."""


@dataclass(frozen=True)
class Summary:
    """A run that has ended: submitted = done + failed + held + cancelled."""

    run: str
    environment: str
    submitted: int
    done: int
    failed: int
    held: int
    cancelled: int
    seconds: float
    interrupted: bool
    results: Mapping[str, int]
    workers: Mapping[str, WorkerShare]
    unread: tuple[str, ...]
    """objectIds whose light curve could not be read."""
    troubles: tuple[tuple[str, str, str], ...]
    """Tasks that failed or are held: id, state, reason."""

    @property
    def exit(self) -> Exit:
        if self.interrupted:
            return Exit.INTERRUPTED
        if self.done < self.submitted:
            return Exit.TASKS_FAILED
        return Exit.UNREAD if self.unread else Exit.OK

    def as_json(self) -> dict[str, Any]:
        return {"schema": 1, **asdict(self)}


def muster(hosts: Sequence[Host], slots: int | None, transport: Transport) -> tuple[list[Report], list[Worker]]:
    """Ask the hosts, and give each its slots: ``slots``, or what its inventory says, or one a core."""
    reports = preflight.ask(hosts, transport)
    return reports, [Worker(report.host, slots or report.slots) for report in reports]


def begin(run: Run, inventory: Inventory, release: Release, tasks: Sequence[Task], meta: Mapping[str, Any]) -> Journal:
    """Write the journal of a new run."""
    common: dict[str, Any] = {
        "environment": inventory.env,
        "inventory": inventory.digest,
        "argv": sys.argv,
        "release": release.digest,
        "folder": str(release.folder),
        "schema": release.schema,
    }
    return Journal.create(run.journal, {**common, **meta}, tasks)


def execute(job: Job, journal: Journal) -> Summary:
    """Run the job while the user looks on. The first interrupt drains the run, the second one kills what runs."""
    runner = Runner(job, journal)
    watcher = gevent.spawn(show.watch, runner.board)
    try:
        with job.run.locked(), _interrupts(runner):
            runner.execute()
    finally:
        runner.board.over = True
        watcher.join(timeout=2)
        watcher.kill()
    return summarise(job.run, journal, runner.board.seconds)


@contextmanager
def _interrupts(runner: Runner) -> Iterator[None]:
    handlers = [gevent.signal_handler(number, runner.interrupt) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield
    finally:
        for handler in handlers:
            handler.cancel()


def summarise(run: Run, journal: Journal, seconds: float) -> Summary:
    counts = journal.counts()
    attempts = journal.attempts_by_worker()
    tasks, walls, results = Counter[str](), Counter[str](), Counter[str]()
    by_worker: dict[str, Counter[str]] = {name: Counter() for name in attempts}
    unread: list[str] = []
    for each in journal.accepted():
        unread += each.result.get("unread", ())
        tasks[each.worker] += 1
        walls[each.worker] += each.wall  # type: ignore[assignment]
        numbers = {key: value for key, value in each.result.items() if isinstance(value, int)}
        by_worker[each.worker].update(numbers)
        results.update(numbers)
    return Summary(
        run=run.id,
        environment=run.env,
        submitted=sum(counts.values()),
        **{state.value: counts.get(state, 0) for state in (State.DONE, State.FAILED, State.HELD, State.CANCELLED)},
        seconds=round(seconds, 3),
        interrupted=bool(journal.meta().get("interrupted")),
        results=dict(results),
        workers={
            name: WorkerShare(tasks[name], round(walls[name], 3), dict(by_worker[name]), attempts[name])
            for name in sorted(attempts)
        },
        unread=tuple(unread),
        troubles=tuple(journal.troubles()),
    )
