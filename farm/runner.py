"""Runs tasks on workers: brings together scheduler, links and journal. Everything happens in one gevent loop.

News of all workers come in one queue. What has come is handled as one batch: scheduler, one durable commit of the
journal, and then the commands that it asked for go out. So commits cost little, and nothing is sent unrecorded.
"""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gevent
from gevent.queue import Empty, Queue
from gevent.threadpool import ThreadPool

from farm import journal as record
from farm.board import Board, Line
from farm.errors import PartsError, UnreachableError
from farm.events import (
    Action,
    Cancel,
    Done,
    Drain,
    Event,
    Exited,
    Failed,
    Kill,
    Lost,
    Missed,
    Settled,
    Start,
    State,
    TakenOut,
    Tick,
    Up,
)
from farm.job import Job
from farm.journal import Journal, Record, Task
from farm.link import MARGIN, Link, Word
from farm.scheduler import Scheduler
from farm.worker.protocol import GRACE, LEASE, ROOT, Message

_BATCH = 1000
_FAREWELL = 10
"""Seconds for logs to come and agents to end, when the tasks have."""
_LAST = 300
"""Characters of a failed attempt's last line that its reason quotes."""


@dataclass(frozen=True)
class _News:
    event: Event
    records: tuple[Record, ...] = ()
    after: Callable[[], None] | None = None
    epoch: int = 0
    """With Up: the link's connection."""


@dataclass
class _Attempt:
    mark: str
    link: Link
    epoch: int
    collecting: bool = False
    outcome: Mapping[str, Any] = field(default_factory=dict)


class Runner:
    """One run. ``execute`` ends when every task has; ``interrupt`` drains it, and kills it the second time."""

    def __init__(self, job: Job, journal: Journal) -> None:
        self.job, self.journal = job, journal
        self.scheduler = Scheduler(max_tries=job.tries)
        self._tasks: dict[str, Task] = {}
        self._take_up()
        self.board = Board(
            title=job.title,
            total=len(self._tasks),
            counts=self.scheduler.counts,
            before=self.scheduler.counts[State.DONE] + self.scheduler.counts[State.HELD],
            workers={worker.name: Line(worker.slots) for worker in job.workers},
        )
        self.interrupted = 0
        self._news: Queue = Queue()
        self._attempts: dict[tuple[str, int], _Attempt] = {}
        self._errands: set[gevent.Greenlet] = set()
        self._disk = ThreadPool(1)
        self._links = {worker.name: Link(worker, job.agent, job.transport, self._hear) for worker in job.workers}
        self._alone_since = time.monotonic()
        self._hopeless: list[str] = []
        self._epochs: dict[str, int] = {}
        """The connection of each worker that the scheduler knows of."""
        self._fatal: BaseException | None = None

    def _take_up(self) -> None:
        """Take the tasks from the journal, those of a former head too."""
        self.journal.commit([record.reopened()])
        until = time.monotonic() + LEASE + GRACE + MARGIN
        for standing in self.journal.standings():
            task, at = standing.task, standing.worker
            self._tasks[task.id] = task
            if at is not None and standing.state is State.PENDING:
                self.scheduler.take_over(task.id, standing.attempt, standing.tries, at, until)
            else:
                self.scheduler.submit(task.id, standing.state, standing.attempt, standing.tries)
        self.journal.commit([record.abandoned()])

    def execute(self) -> None:
        """Run to the end.

        Raises UnreachableError where no worker was there for ``patience`` seconds, RunError where the head's disk
        refuses the journal or an output.
        """
        links = [gevent.spawn(link.run) for link in self._links.values()]
        for greenlet in links:
            greenlet.link_exception(self._fail)
        try:
            while not self.scheduler.ended:
                self._turn()
            gevent.joinall(list(self._errands), timeout=_FAREWELL)
            self._note_end()
        finally:
            for link in self._links.values():
                link.stop()
            leaving = [greenlet for greenlet, link in zip(links, self._links.values(), strict=True) if link.up]
            gevent.joinall(leaving, timeout=_FAREWELL)
            gevent.killall([*links, *self._errands])
            self._disk.kill()

    def _note_end(self) -> None:
        spent = self.journal.meta().get("seconds", 0.0) + self.board.seconds
        said = {"ended": time.time(), "interrupted": bool(self.interrupted), "seconds": spent}
        self._write([record.noted(key, value) for key, value in said.items()])

    def interrupt(self) -> None:
        """First: start nothing more. Second: kill what runs."""
        self.interrupted += 1
        if self.interrupted == 1:
            self.board.ending = "draining: running tasks end, no others start; interrupt again to kill them"
            self._news.put(_News(Drain("interrupted")))
        else:
            self.board.ending = "killing what runs"
            self._news.put(_News(Cancel("interrupted")))

    # The turn: news in, one commit, commands out

    def _turn(self) -> None:
        batch = self._take()
        now = time.monotonic()
        records: list[Record] = []
        todo: list[Action] = []
        for news in batch:
            if isinstance(news.event, Up):
                self._epochs[news.event.worker] = news.epoch
            actions = self.scheduler.handle(news.event, now)
            records += news.records
            records += [made for action in actions if (made := self._recorded(action, news.event))]
            todo += actions
        if records:
            self._write(records)
        for action in todo:
            self._do(action)
        for news in batch:
            if news.after:
                news.after()

    def _take(self) -> list[_News]:
        """All news that have come; a tick where a fence is due, or a second has passed."""
        if self._fatal:
            raise self._fatal
        fence = self.scheduler.next_due()
        wait = 1.0 if fence is None else min(1.0, max(0.0, fence - time.monotonic()))
        try:
            batch = [self._news.get(timeout=wait)]
        except Empty:
            self._give_up_alone()
            return [_News(Tick())]
        while len(batch) < _BATCH and not self._news.empty():
            batch.append(self._news.get_nowait())
        return batch

    def _give_up_alone(self) -> None:
        now = time.monotonic()
        if any(link.up for link in self._links.values()):
            self._alone_since = now
        elif now - self._alone_since > self.job.patience or len(self._hopeless) == len(self._links):
            why = "; ".join(self._hopeless or self.board.notes[-1:])
            raise UnreachableError(f"run {self.job.run.id} has no worker left: {why}")

    def _recorded(self, action: Action, event: Event) -> Record | None:
        match action:
            case Start(task, attempt, worker):
                mark = secrets.token_hex(8)
                self._attempts[task, attempt] = _Attempt(mark, self._links[worker], self._epochs[worker])
                return record.started(task, attempt, worker, mark, time.time())
            case Settled(task, state, reason):
                accepted = event.attempt if isinstance(event, Done) and state is State.DONE else None
                return record.settled(task, state, reason, accepted)
            case TakenOut(worker, reason):
                return record.happened(time.time(), worker, "taken out", reason)
        return None

    def _write(self, records: Sequence[Record]) -> None:
        self._disk.apply(self.journal.commit, (records,))

    def _do(self, action: Action) -> None:
        match action:
            case Start(name, attempt, worker):
                task, sent = self._tasks[name], self._attempts[name, attempt]
                sent.link.send(
                    {
                        "t": "run",
                        "task": name,
                        "attempt": attempt,
                        "mark": sent.mark,
                        "command": task.command,
                        "timeout": task.timeout,
                        "slots": sent.link.worker.slots,
                    },
                    sent.epoch,
                )
                self.board.workers[worker].running[name] = time.monotonic()
            case Kill(name, attempt, worker, reason):
                kill = {"t": "kill", "task": name, "attempt": attempt, "reason": reason}
                self._links[worker].send(kill, self._epochs[worker])
            case Settled(task, State.HELD, reason):
                self.board.notes.append(f"task {task} is held: {reason}")
            case TakenOut(worker, reason):
                self.board.workers[worker].state = "taken out"
                self.board.notes.append(f"{worker} is taken out: {reason}")

    # What workers say

    def _hear(self, word: Word) -> None:
        """Called by the links."""
        link, message = word.link, word.message
        name = link.worker.name
        line = self.board.workers[name]
        match word.kind:
            case "up":
                line.state, line.trouble = "up", ""
                happened = record.happened(time.time(), name, "up", str(message.get("release")))
                self._news.put(_News(Up(name, link.worker.slots), (happened,), epoch=word.epoch))
                if swept := message.get("swept"):
                    self.board.notes.append(f"{name}: swept {', '.join(swept)}")
            case "lost":
                self._lose(link, line, word)
            case "unusable":
                self._hopeless.append(message["why"])
                self.board.notes.append(f"{name} is left out: {message['why']}")
            case "message" if message["t"] == "end":
                self._end(link, line, message)
            case "message" if message["t"] == "beat":
                line.load, line.progress = message["load"], message["progress"]
            case "message" if message["t"] == "unreachable":
                line.state = "lost"
                if message["why"] != line.trouble:
                    self.board.notes.append(message["why"])
                line.trouble = message["why"]

    def _lose(self, link: Link, line: Line, word: Word) -> None:
        name, message = link.worker.name, word.message
        if not self.scheduler.ended:
            line.state = "lost"
            self.board.notes.append(f"{name} is lost: {message['why']}")
        now = time.time()
        records = (record.lost(name, now), record.happened(now, name, "lost", message["why"]))
        self._news.put(_News(Lost(name, message["until"]), records, lambda: self._forget_lost(link, word.epoch)))

    def _forget_lost(self, link: Link, epoch: int) -> None:
        for (task, number), attempt in list(self._attempts.items()):
            if attempt.link is link and attempt.epoch == epoch and not attempt.collecting:
                del self._attempts[task, number]
                self.board.workers[link.worker.name].running.pop(task, None)

    def _end(self, link: Link, line: Line, receipt: Message) -> None:
        """An attempt has ended. Only the receipt with the mark that was given with the command counts."""
        name, number = receipt["task"], receipt["attempt"]
        attempt = self._attempts.get((name, number))
        if attempt is None or attempt.mark != receipt["mark"]:
            return
        line.running.pop(name, None)
        reason = _failure(receipt, self._tasks[name].ok)
        records = (record.ended(receipt, reason, time.time()),)
        if reason:
            line.failed += 1
            self.board.notes.append(f"task {name} failed on {link.worker.name}: {reason}")
            del self._attempts[name, number]
            self._news.put(_News(Failed(name, number, f"{reason}, on {link.worker.name}"), records))
            self._spawn(self._fetch_log, link, name, number)
        elif self.job.collect is None:
            self._news.put(_News(Done(name, number), records, lambda: self._accepted(link, name, number)))
        else:
            attempt.collecting = True
            self._news.put(_News(Exited(name, number), records))
            self._spawn(self._collect, link, name, number)

    # Errands: what takes a while, beside the turns

    def _spawn(self, errand: Callable[..., None], *arguments: Any) -> None:
        greenlet = gevent.spawn(errand, *arguments)
        self._errands.add(greenlet)
        greenlet.rawlink(self._errands.discard)
        greenlet.link_exception(self._fail)

    def _fail(self, greenlet: gevent.Greenlet) -> None:
        """The run cannot go on."""
        self._fatal = self._fatal or greenlet.exception

    def _collect(self, link: Link, name: str, number: int) -> None:
        collect = self.job.collect
        assert collect is not None
        try:
            result = collect(link.connection(), self._tasks[name], number)
        except PartsError as error:
            reason = f"its output was refused: {error}"
            self.board.notes.append(f"task {name} on {link.worker.name}: {reason}")
            del self._attempts[name, number]
            records = (record.collected(name, number, "refused", reason, None),)
            self._news.put(_News(Failed(name, number, reason), records))
            self._spawn(self._fetch_log, link, name, number)
        except UnreachableError as error:
            del self._attempts[name, number]
            self._news.put(_News(Missed(name, number), (record.collected(name, number, "missed", str(error), None),)))
        else:
            self._attempts[name, number].outcome = result
            records = (record.collected(name, number, "accepted", None, result),)
            self._news.put(_News(Done(name, number), records, lambda: self._accepted(link, name, number)))

    def _accepted(self, link: Link, name: str, number: int) -> None:
        """The journal has it: the worker's copy may go."""
        attempt = self._attempts.pop((name, number))
        self.board.workers[link.worker.name].done += 1
        for key, value in attempt.outcome.items():
            if isinstance(value, int):
                self.board.collected[key] = self.board.collected.get(key, 0) + value
        link.send({"t": "forget", "task": name, "attempt": number}, attempt.epoch)

    def _fetch_log(self, link: Link, name: str, number: int) -> None:
        target: Path = self.job.run.logs / f"{name}.{number}.log"
        epoch = link.epoch
        try:
            link.connection().fetch(f"{ROOT}/runs/{self.job.run.id}/{name}.{number}/log", target)
        except (UnreachableError, FileNotFoundError):
            return
        link.send({"t": "forget", "task": name, "attempt": number}, epoch)


def _failure(receipt: Message, ok: tuple[int, ...]) -> str | None:
    """Why an attempt failed, by its receipt; None where it ended well."""
    if receipt["code"] in ok and not receipt["reason"]:
        return None
    if receipt["reason"] or receipt["error"]:
        why = str(receipt["reason"] or receipt["error"])
    elif receipt["signal"]:
        why = f"killed by signal {receipt['signal']}"
    else:
        why = f"exit code {receipt['code']}"
    if receipt.get("lack"):
        why += f", {receipt['lack']}"
    last = (receipt.get("tail") or "").strip().rpartition("\n")[2][-_LAST:]
    return f"{why} ({last})" if last else why
