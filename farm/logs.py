"""``farm logs``: the logs of attempts that failed, which the head keeps; that of a running one, on its worker."""

import shlex
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import gevent

from farm.errors import InventoryError, RunError, UnreachableError
from farm.events import State
from farm.history import Attempt, History
from farm.inventory import Inventory
from farm.runs import Run
from farm.transport import Session, Transport
from farm.worker.protocol import ROOT

_LOOK = 0.3
"""Seconds between looks at the journal."""
_LAST = 1.0
"""Seconds for the last lines of an attempt that has ended."""
_OPEN = (State.PENDING, State.RUNNING)


@dataclass(frozen=True)
class Log:
    task: str
    attempt: int
    text: str


def kept(run: Run, task: str | None) -> Iterator[Log]:
    """Logs of failed attempts. Raises RunError where the run has none of that task, or its journal cannot be read."""
    with closing(History(run.journal)) as history:
        history.counts()
        history.attempts_by_worker()
    found = sorted(run.logs.glob(f"{task}.*.log" if task else "*.log"))
    if task and not found:
        raise RunError(f"run {run.id} keeps no log of a task {task}: no attempt of it failed; a running one: --follow")
    for path in found:
        name, _, number = path.stem.rpartition(".")
        yield Log(name, int(number), path.read_text(encoding="utf-8", errors="replace"))


def follow(run: Run, task: str, inventory: Inventory, transport: Transport, say: Callable[[str], None]) -> None:
    """Say the log of a task line by line as it is written, attempt after attempt, until the task has ended.

    Raises RunError where the run has no such task, or no head works at it any more; UnreachableError where the worker
    cannot be asked.
    """
    history = History(run.journal)
    try:
        if history.state(task) is None:
            raise RunError(
                f"run {run.id} has no task {task}: farm status {run.id} --inventory {run.env} --tsv lists them"
            )
        followed = 0
        while (attempt := _next(run, task, history, followed)) is not None:
            followed = attempt.attempt
            say(f"== {task}.{followed} on {attempt.worker}")
            _attempt(run, attempt, history, inventory, transport, say)
        say(f"== {task} is {history.state(task)}")
    finally:
        history.close()


def _next(run: Run, task: str, history: History, followed: int) -> Attempt | None:
    """The attempt that runs now, once there is one after ``followed``; None where the task has ended."""
    while True:
        held, state = run.is_held(), history.state(task)
        latest = next(reversed(list(history.attempts(task))), None)
        if latest and latest.attempt > followed and latest.state == "sent":
            return latest
        if state not in _OPEN:
            return None
        if not held:
            raise RunError(
                f"no head works at run {run.id}, where task {task} is {state}:"
                f" farm resume {run.id} --inventory {run.env}"
            )
        gevent.sleep(_LOOK)


def _attempt(
    run: Run, attempt: Attempt, history: History, inventory: Inventory, transport: Transport, say: Callable[[str], None]
) -> None:
    """Say what one attempt writes, until it has ended."""
    host = next((host for host in inventory.group("workers") if host.name == attempt.worker), None)
    if host is None:
        raise InventoryError(f"inventory {inventory.env} has no worker {attempt.worker} any more")
    session = transport.connect(host)
    try:
        reader = gevent.spawn(_read, session, f"{ROOT}/runs/{run.id}/{attempt.task}.{attempt.attempt}/log", say)
        while not reader.ready() and _runs(history, attempt):
            gevent.sleep(_LOOK)
        reader.join(timeout=_LAST)
        reader.kill()
    finally:
        session.close()


def _read(session: Session, log: str, say: Callable[[str], None]) -> None:
    # tail ends with the connection: sshd then closes the input that cat waits for.
    command = f"tail -c +1 -f {shlex.quote(log)} 2>/dev/null & cat >/dev/null; kill $!"
    try:
        for line in session.open(command).lines():
            say(line.decode(errors="replace"))
    except UnreachableError:
        return


def _runs(history: History, attempt: Attempt) -> bool:
    return any(each == attempt for each in history.attempts(attempt.task))
