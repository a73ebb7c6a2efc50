"""From hosts to a finished run: who works, the run under its lock and before the user's eyes, and its summary."""

import getpass
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import gevent

from farm import detached, outcome, preflight, show
from farm.attendant import Attendant
from farm.board import Board
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
        "by": f"{os.environ.get('SUDO_USER') or getpass.getuser()}@{socket.gethostname()}",
        "release": release.digest,
        "folder": str(release.folder),
        "schema": release.schema,
        "workers": {worker.name: worker.slots for worker in workers},
        "begun": time.time(),
    }
    return Journal.create(run.journal, {**common, **meta}, tasks)


def execute(job: Job, journal: Journal) -> Summary:
    """Run the job while the user looks on, and take orders.

    The first interrupt drains the run, the second one kills what runs. A terminal that is closed ends nothing: the
    run goes on and writes to its ``head.log``.
    """
    with job.run.locked():
        detached.announce(job.run)
        outcome.heads(job.run)
        runner = Runner(job, journal)
        with _Viewer(job.run, runner.board) as viewer, _signals(runner, viewer), _orders_taken(runner):
            runner.execute()
    return summarise(job.run, journal)


class _Viewer:
    """Shows the board wherever standard error leads, and in the run's log from when the terminal is gone."""

    def __init__(self, run: Run, board: Board) -> None:
        self._run, self._board = run, board
        self._greenlet = gevent.spawn(self._look)

    def _look(self) -> None:
        try:
            show.watch(self._board)
        except BrokenPipeError:  # whoever read it has seen enough
            return
        except OSError:  # a terminal that is gone sends no SIGHUP where it is ignored
            detached.leave_terminal(self._run)
            show.watch(self._board)

    def begin_again(self) -> None:
        self._greenlet.kill()
        self._greenlet = gevent.spawn(self._look)

    def __enter__(self) -> "_Viewer":
        return self

    def __exit__(self, *_: object) -> None:
        self._board.over = True
        self._greenlet.join(timeout=2)
        self._greenlet.kill()


@contextmanager
def _signals(runner: Runner, viewer: _Viewer) -> Iterator[None]:
    def hang_up() -> None:
        detached.leave_terminal(runner.job.run)
        viewer.begin_again()

    wanted = {signal.SIGINT: runner.interrupt, signal.SIGTERM: runner.interrupt}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        wanted[signal.SIGHUP] = hang_up
    handlers = [gevent.signal_handler(number, handle) for number, handle in wanted.items()]
    try:
        yield
    finally:
        for number, handler in zip(wanted, handlers, strict=True):
            handler.cancel()
            signal.signal(number, signal.getsignal(number))  # the event loop leaves the system's default behind


@contextmanager
def _orders_taken(runner: Runner) -> Iterator[None]:
    attendant = Attendant(runner)
    greenlet = gevent.spawn(attendant.attend)
    runner.errands.guard(greenlet)
    try:
        yield
    finally:
        greenlet.kill()
        attendant.leave()
