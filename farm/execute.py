"""From hosts to a finished run: who works, the run under its lock and before the user's eyes, and its summary."""

import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import gevent

from farm import preflight, show
from farm.inventory import Host, Inventory
from farm.job import Job
from farm.journal import Journal, Task
from farm.link import Worker
from farm.preflight import Release, Report
from farm.runner import Runner
from farm.runs import Run
from farm.summary import Summary, summarise
from farm.transport import Transport


def muster(hosts: Sequence[Host], slots: int | None, transport: Transport) -> tuple[list[Report], list[Worker]]:
    """Ask the hosts, and give each its slots: ``slots``, or what its inventory says, or one a core."""
    reports = preflight.ask(hosts, transport)
    return reports, [Worker(report.host, slots or report.slots) for report in reports]


def begin(
    run: Run,
    inventory: Inventory,
    release: Release,
    workers: Sequence[Worker],
    tasks: Sequence[Task],
    meta: Mapping[str, Any],
) -> Journal:
    """Write the journal of a new run; ``meta`` is what its verb needs to go on with it."""
    common: dict[str, Any] = {
        "environment": inventory.env,
        "inventory": inventory.digest,
        "argv": sys.argv,
        "release": release.digest,
        "folder": str(release.folder),
        "schema": release.schema,
        "workers": {worker.name: worker.slots for worker in workers},
        "begun": time.time(),
    }
    return Journal.create(run.journal, {**common, **meta}, tasks)


def execute(job: Job, journal: Journal) -> Summary:
    """Run the job while the user looks on. The first interrupt drains the run, the second one kills what runs."""
    with job.run.locked():
        runner = Runner(job, journal)
        watcher = gevent.spawn(show.watch, runner.board)
        try:
            with _interrupts(runner):
                runner.execute()
        finally:
            runner.board.over = True
            watcher.join(timeout=2)
            watcher.kill()
    return summarise(job.run, journal)


@contextmanager
def _interrupts(runner: Runner) -> Iterator[None]:
    handlers = [gevent.signal_handler(number, runner.interrupt) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield
    finally:
        for handler in handlers:
            handler.cancel()
