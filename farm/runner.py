"""Runs tasks on workers: brings together scheduler, links and journal. Everything happens in one gevent loop.

News of all workers come in one queue. What has come is handled as one batch: scheduler, one durable commit of the
journal, and then the commands that it asked for go out. So commits cost little, and nothing is sent unrecorded.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial

import gevent
from gevent.queue import Empty, Queue
from gevent.threadpool import ThreadPool

from farm import journal as record
from farm.attempts import Attempts
from farm.board import Board, Line
from farm.errands import Errands
from farm.errors import UnreachableError
from farm.events import (
    Action,
    Cancel,
    Done,
    Drain,
    Ending,
    Event,
    Kill,
    Lost,
    Probe,
    Probed,
    Readmitted,
    Refused,
    Reopened,
    Settled,
    Start,
    State,
    TakenOut,
    Tick,
    Up,
)
from farm.job import Job
from farm.journal import Journal, Record, Task
from farm.link import MARGIN, Link, Word, Worker
from farm.news import News
from farm.scheduler import Scheduler
from farm.worker.protocol import GRACE, LEASE

_BATCH = 1000
_FAREWELL = 10
"""Seconds for logs to come and agents to end, when the tasks have."""
_PROBE_SECONDS = 60
_TICK = 1.0
"""Seconds between looks at the clock."""
THE_RUN = "the run"
"""In place of a worker, in events of the journal that concern all of them."""


class Runner:
    """One run. ``execute`` ends when every task has; ``interrupt`` drains it, and kills it the second time."""

    def __init__(self, job: Job, journal: Journal) -> None:
        self.job, self.journal = job, journal
        self.scheduler = Scheduler(max_tries=job.tries, halt=job.halt, timeout_percent=job.timeout_percent)
        self._tasks: dict[str, Task] = {}
        self._take_up()
        self.board = Board(
            title=job.title,
            total=len(self._tasks),
            counts=self.scheduler.counts,
            before=self.scheduler.counts[State.DONE] + self.scheduler.counts[State.HELD],
            workers={},
        )
        self.interrupted = 0
        self._news: Queue = Queue()
        self.errands = Errands()
        self.attempts = Attempts(job, self._tasks, self.board, self.tell, self.errands)
        self._disk = ThreadPool(1)
        self._links: dict[str, Link] = {}
        self._connecting: dict[str, gevent.Greenlet] = {}
        self._hopeless: dict[str, str] = {}
        """Workers that cannot be used, and why."""
        self._epochs: dict[str, int] = {}
        """The connection of each worker that the scheduler knows of."""
        for worker in job.workers:
            self._link(worker)
        self._alone_since = self._ticked = time.monotonic()

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
        self.journal.commit([record.abandoned(), *record.taken_up(time.time(), self.journal.worked())])

    def execute(self) -> None:
        """Run to the end.

        Raises UnreachableError where no worker was there for ``patience`` seconds, RunError where the head's disk
        refuses the journal or an output.
        """
        for link in self._links.values():
            self._connect(link)
        try:
            while not self.scheduler.ended:
                self._turn()
            self.errands.join(_FAREWELL)
            self._note_end()
        finally:
            for link in self._links.values():
                link.stop()
            leaving = [self._connecting[name] for name, link in self._links.items() if link.up]
            gevent.joinall(leaving, timeout=_FAREWELL)
            gevent.killall(list(self._connecting.values()))
            self.errands.kill()
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
            self.tell(News(Drain("interrupted")))
        else:
            self.board.ending = "killing what runs"
            self.tell(News(Cancel("interrupted")))

    def tell(self, news: News) -> None:
        """Have news handled in the next turn."""
        self._news.put(news)

    # Workers

    def _link(self, worker: Worker) -> Link:
        link = Link(worker, self.job.agent, self.job.transport, self._hear, self.job.prepare)
        self._links[worker.name] = link
        self.board.workers[worker.name] = Line(worker.slots)
        return link

    def _connect(self, link: Link) -> None:
        self.scheduler.expect(link.worker.name, time.monotonic())
        greenlet = self._connecting[link.worker.name] = gevent.spawn(link.run)
        self.errands.guard(greenlet)

    def works(self, name: str) -> bool:
        """Whether the worker belongs to the run, up or not; one that cannot be used does not."""
        return name in self._links and name not in self._hopeless

    def is_up(self, name: str) -> bool:
        return self._links[name].up

    def add(self, worker: Worker) -> Record:
        """Take in a worker. Returns what the journal is to know of it."""
        self._hopeless.pop(worker.name, None)
        self._connect(self._link(worker))
        slots = {name: link.worker.slots for name, link in self._links.items()}
        return record.noted("workers", slots)

    # The turn: news in, one commit, commands out

    def _turn(self) -> None:
        batch = self._take()
        now = time.monotonic()
        if now - self._ticked >= _TICK:
            self._ticked = now
            batch.append(News(Tick()))
        records: list[Record] = []
        todo: list[Action] = []
        then: list[Callable[[], None]] = []
        for news in batch:
            if isinstance(news.event, Up):
                self._epochs[news.event.worker] = news.epoch
            actions = self.scheduler.handle(news.event, now)
            refusal = next((action.reason for action in actions if isinstance(action, Refused)), None)
            if refusal is None:
                records += news.records
                then += [news.after] if news.after else []
            elif news.refused:
                then.append(partial(news.refused, refusal))
            records += [made for action in actions if (made := self._recorded(action, news.event))]
            todo += actions
        if records:
            self._write(records)
        for action in todo:
            self._do(action)
        for each in then:
            each()

    def _take(self) -> list[News]:
        """All news that have come, perhaps none; not later than the scheduler's next date, or the next tick."""
        if self.errands.failure:
            raise self.errands.failure
        due = self.scheduler.next_due()
        wait = _TICK if due is None else min(_TICK, max(0.0, due - time.monotonic()))
        try:
            batch = [self._news.get(timeout=wait)]
        except Empty:
            self._give_up_alone()
            return [News(Tick())]
        while len(batch) < _BATCH and not self._news.empty():
            batch.append(self._news.get_nowait())
        return batch

    def _give_up_alone(self) -> None:
        now = time.monotonic()
        if not self.scheduler.stuck:
            self._alone_since = now
        elif now - self._alone_since > self.job.patience or len(self._hopeless) == len(self._links):
            why = "; ".join(self._hopeless.values()) or "".join(self.board.notes[-1:])
            raise UnreachableError(f"run {self.job.run.id} has no worker left: {why}")

    def _recorded(self, action: Action, event: Event) -> Record | None:
        match action:
            case Start(task, attempt, worker):
                return self.attempts.record(task, attempt, self._links[worker], self._epochs[worker])
            case Settled(task, state, reason):
                accepted = event.attempt if isinstance(event, Done) and state is State.DONE else None
                return record.settled(task, state, reason, accepted)
            case Reopened(task):
                return record.unheld(task)
            case TakenOut(worker, reason):
                return record.happened(time.time(), worker, "taken out", reason)
            case Readmitted(worker):
                return record.happened(time.time(), worker, "up", "readmitted")
            case Ending(reason):
                return record.happened(time.time(), THE_RUN, "ending", reason)
        return None

    def _write(self, records: Sequence[Record]) -> None:
        self._disk.apply(self.journal.commit, (records,))

    def _do(self, action: Action) -> None:
        match action:
            case Start(name, attempt, _):
                self.attempts.send(name, attempt)
            case Kill(name, attempt, _, reason, slow):
                self.attempts.kill(name, attempt, reason, slow=slow)
            case Settled(task, State.HELD, reason):
                self.board.notes.append(f"task {task} is held: {reason}")
            case TakenOut(worker, reason):
                self.board.workers[worker].state = "taken out"
                self.board.notes.append(f"{worker} is taken out: {reason}")
            case Probe(worker):
                self.errands.spawn(self._probe, self._links[worker])
            case Readmitted(worker):
                self.board.workers[worker].state = "up"
                self.board.notes.append(f"{worker} is readmitted")
            case Ending(reason) if not self.interrupted:
                self.board.ending = reason
                self.board.notes.append(f"the run is ending: {reason}")

    def _probe(self, link: Link) -> None:
        name = link.worker.name
        try:
            said = link.connection().run(self.job.probe, _PROBE_SECONDS)
            why = "" if said.code == 0 else said.err.strip().rpartition("\n")[2] or f"exit code {said.code}"
        except UnreachableError as error:
            why = str(error)
        if why:
            self.board.notes.append(f"{name} stays out, its probe failed: {why}")
        self.tell(News(Probed(name, ok=not why)))

    # What workers say

    def _hear(self, word: Word) -> None:
        """Called by the links."""
        link, message = word.link, word.message
        name = link.worker.name
        line = self.board.workers[name]
        match word.kind:
            case "up":
                line.state, line.trouble = "drained" if self.scheduler.is_drained(name) else "up", ""
                happened = record.happened(time.time(), name, "up", str(message.get("release")))
                self.tell(News(Up(name, link.worker.slots), (happened,), epoch=word.epoch))
                if swept := message.get("swept"):
                    self.board.notes.append(f"{name}: swept {', '.join(swept)}")
            case "lost":
                self._lose(link, line, word)
            case "unusable":
                self._hopeless[name] = message["why"]
                self.board.notes.append(f"{name} is left out: {message['why']}")
            case "message" if message["t"] == "end":
                self.attempts.end(link, message)
            case "message" if message["t"] in ("waits", "began"):
                self.attempts.wait(link, message)
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
        after = partial(self.attempts.forget_lost, link, word.epoch)
        self.tell(News(Lost(name, message["until"]), records, after))
