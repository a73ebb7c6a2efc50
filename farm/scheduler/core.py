"""The rules of the scheduler.

- A failed attempt costs a try, a lost worker does not; the next attempt goes to another worker than the one that
  failed, as long as another one is in service, or expected: it connects, or was lost a moment ago.
- Attempts on a lost worker are given away when they can no longer run there: at ``until``, or when its new agent
  says that they are gone.
- A task whose worker was lost while others stayed, on ``max_losses`` different workers, is held.
- An order is carried out as a whole, or refused with its reason.
- Each event takes O(log n), but for orders that name tasks, and a tick that compares what runs with the median.
"""

from collections.abc import Iterator, Sequence

from farm.events import (
    Action,
    Began,
    Cancel,
    CancelTasks,
    Done,
    Drain,
    DrainWorker,
    Ending,
    Event,
    Exited,
    Failed,
    Hold,
    Kill,
    Lost,
    Missed,
    Probe,
    Probed,
    Readmitted,
    Refused,
    Start,
    State,
    TakenOut,
    Tick,
    UndrainWorker,
    Unhold,
    Up,
    Waits,
)
from farm.scheduler.halt import Halt
from farm.scheduler.pace import Pace
from farm.scheduler.tasks import Task, Tasks
from farm.scheduler.workers import Workers

BY_ORDER = "by order"


class Scheduler:
    """``handle`` takes an event and the time, in seconds of any clock, and returns what to do."""

    def __init__(
        self,
        *,
        max_tries: int = 3,
        max_losses: int = 2,
        max_streak: int = 5,
        halt: Halt | None = None,
        timeout_percent: float | None = None,
    ) -> None:
        self.max_tries, self.max_losses = max_tries, max_losses
        self._halt = halt
        self._pace = Pace(timeout_percent) if timeout_percent else None
        self._tasks = Tasks()
        self.counts = self._tasks.counts
        """Tasks by state."""
        self._workers = Workers(max_streak)
        self._failures = 0
        """Tasks that failed for good."""
        self._ending = ""
        """Why nothing starts any more, if so."""
        self._killing = False
        self._actions: list[Action] = []

    def submit(self, task: str, state: State = State.PENDING, attempt: int = 0, tries: int = 0) -> None:
        """Add a task that waits, or one of a former head that has ended. Raises ValueError where the id is taken."""
        self._tasks.add(task, Task(state, attempt, tries))

    def take_over(self, task: str, attempt: int, tries: int, worker: str, until: float) -> None:
        """Add a task that a former head started; it may run on that worker until then, or until the worker is up."""
        self._tasks.add(task, Task(State.RUNNING, attempt, tries, worker, holding=True))
        self._workers.may_run(worker, task, until)

    def expect(self, worker: str, now: float) -> None:
        """A worker connects: it is worth waiting for before tasks lose all their tries on another one."""
        self._workers.expect(worker, now)

    @property
    def ended(self) -> bool:
        """Whether every task has come to its end."""
        return not self.counts[State.PENDING] and not self.counts[State.RUNNING]

    @property
    def stuck(self) -> bool:
        """Whether nothing runs, and nobody is there to start anything."""
        return not self.counts[State.RUNNING] and not self._workers.serving

    def state(self, task: str) -> State:
        return self._tasks[task].state

    def is_drained(self, worker: str) -> bool:
        return worker in self._workers and self._workers[worker].drained

    def next_due(self) -> float | None:
        """When a Tick is needed next, for tasks of a lost worker or a worker to be probed."""
        return self._workers.next_due()

    def handle(self, event: Event, now: float) -> list[Action]:
        self._actions = []
        match event:
            case Exited(task, attempt):
                if known := self._current(task, attempt):
                    self._free_slot(task, known)
            case Done(task, attempt, wall):
                if known := self._current(task, attempt):
                    self._accept(task, known, wall, now)
            case Failed(task, attempt, reason):
                if known := self._current(task, attempt):
                    self._fail(task, known, reason, now)
            case Tick():
                self._kill_slow(now)
            case Missed(task, attempt):
                if known := self._current(task, attempt):
                    self._free_slot(task, known)
                    self._return(task, known)
            case Waits(task, attempt) | Began(task, attempt):
                if (known := self._current(task, attempt)) and known.holding:
                    self._workers[known.worker].running[task] = now if isinstance(event, Began) else None
            case Up() | Lost() | Probed():
                self._hear_of_worker(event, now)
            case _:
                self._obey(event)
        if (due := self._workers.next_due()) is not None and due <= now:
            for worker in self._workers.fences_lifted(now):
                self._give_away(worker)
            self._actions += [Probe(worker) for worker in self._workers.probes_due(now)]
            if self._workers.hopes_end(now):
                self._readmit_the_last()
        self._close_or_dispatch(now)
        return self._actions

    def _current(self, task: str, attempt: int) -> Task | None:
        """The task, where this attempt is the one that counts; late news of any other is void."""
        known = self._tasks[task]
        if known.state is not State.RUNNING or known.attempt != attempt:
            return None
        return None if known.holding and not self._workers[known.worker].up else known

    # Workers

    def _hear_of_worker(self, event: Up | Lost | Probed, now: float) -> None:
        match event:
            case Up(name, slots):
                self._workers.lost(name, now, now)
                if name in self._workers:
                    self._give_away(name)
                self._workers.up(name, slots, now)
            case Lost(name, until):
                self._workers.lost(name, until, now)
            case Probed(name, ok):
                if self._workers.probed(name, now, ok=ok):
                    self._actions.append(Readmitted(name))
        self._readmit_the_last()

    def _readmit_the_last(self) -> None:
        self._actions += [Readmitted(name) for name in self._workers.readmit_the_last()]

    def _give_away(self, name: str) -> None:
        """What a lost worker had can no longer run there."""
        blamed = self._workers.serving > 0
        for task in self._workers[name].clear():
            known = self._tasks[task]
            known.holding = False
            if blamed and name not in known.losses:
                known.losses += (name,)
            if known.wanted or self._killing or len(known.losses) < self.max_losses:
                self._return(task, known)
            else:
                where = " and ".join(known.losses)
                self._give_up(task, known, f"its worker was lost each time it ran, on {where}")

    def _judge(self, name: str, now: float, *, ok: bool) -> None:
        if streak := self._workers.judge(name, now, ok=ok):
            self._actions.append(TakenOut(name, f"its last {streak} tasks failed"))

    def _kill_slow(self, now: float) -> None:
        """Kill what runs for longer than the others' median allows."""
        if self._pace is None or (limit := self._pace.limit) is None:
            return
        reason = f"timeout: longer than {self._pace.percent:g} % of the median, which is {limit:.3g} s"
        for name, worker in self._workers.items():
            for task, began in worker.running.items():
                if worker.up and began is not None and now - began > limit:
                    worker.running[task] = None
                    self._actions.append(Kill(task, self._tasks[task].attempt, name, reason, slow=True))

    # Tasks

    def _free_slot(self, task: str, known: Task) -> None:
        if known.holding:
            known.holding = False
            self._workers.release(known.worker, task)

    def _accept(self, task: str, known: Task, wall: float, now: float) -> None:
        self._free_slot(task, known)
        self._judge(known.worker, now, ok=True)
        if self._pace:
            self._pace.add(wall)
        self._settle(task, State.DONE, "")

    def _fail(self, task: str, known: Task, reason: str, now: float) -> None:
        self._free_slot(task, known)
        if known.wanted or self._killing:
            self._return(task, known)
            return
        self._judge(known.worker, now, ok=False)
        known.tries += 1
        known.reason = reason
        if known.tries >= self.max_tries:
            self._give_up(task, known, f"failed {known.tries} time{'s' * (known.tries > 1)}; at last: {reason}")
        else:
            self._tasks.retry(task)

    def _return(self, task: str, known: Task) -> None:
        """The attempt has come to nothing, and the task is not to blame."""
        if known.wanted:
            self._settle(task, known.wanted, f"{known.wanted} {BY_ORDER}")
        elif self._killing:
            self._settle(task, State.CANCELLED, self._ending)
        else:
            self._tasks.give_back(task)

    def _give_up(self, task: str, known: Task, reason: str) -> None:
        self._settle(task, State.HELD, reason)
        self._failures += 1
        if self._halt and not self._ending and self._halt.reached(self._failures, len(self._tasks)):
            number = "a task" if self._failures == 1 else f"{self._failures} tasks"
            self._end(f"halted: {number} failed ({self._halt})", kill=self._halt.now)

    def _settle(self, task: str, state: State, reason: str) -> None:
        self._actions.append(self._tasks.settle(task, state, reason))

    # Orders

    def _obey(self, order: Event) -> None:
        match order:
            case Drain(reason):
                self._end(reason, kill=False)
            case Cancel(reason):
                self._end(reason, kill=True)
            case CancelTasks(tasks):
                if self._may(tasks, "cancelled", State.PENDING, State.RUNNING):
                    self._stop(tasks, State.CANCELLED)
            case Hold(tasks):
                if self._may(tasks, "held", State.PENDING, State.RUNNING):
                    self._stop(tasks, State.HELD)
            case Unhold() if self._ending:
                self._actions.append(Refused(f"the run is ending: {self._ending}"))
            case Unhold(tasks):
                if self._may(tasks, "unheld", State.HELD):
                    self._actions += [self._tasks.unsettle(task) for task in dict.fromkeys(tasks)]
            case DrainWorker(name) | UndrainWorker(name):
                self._drain_worker(name, drained=isinstance(order, DrainWorker))

    def _may(self, tasks: Sequence[str], what: str, *states: State) -> bool:
        """Whether the order can be carried out on all of them; else it is refused."""
        if why := self._tasks.why_not(tasks, what, *states):
            self._actions.append(Refused(why))
        return not why

    def _stop(self, tasks: Sequence[str], state: State) -> None:
        reason = f"{state} {BY_ORDER}"
        waiting, running = self._tasks.withdraw(tasks)
        for task in waiting:
            self._settle(task, state, reason)
        for task in running:
            known = self._tasks[task]
            known.wanted = state
            if state is State.CANCELLED and known.holding and self._workers[known.worker].up:
                self._actions.append(Kill(task, known.attempt, known.worker, reason))

    def _drain_worker(self, name: str, *, drained: bool) -> None:
        if name not in self._workers:
            self._actions.append(Refused(f"no worker {name} has been up"))
        elif self._workers[name].drained == drained:
            self._actions.append(Refused(f"{name} is {'' if drained else 'not '}drained"))
        elif drained and self._workers[name].in_service and self._workers.serving == 1:
            self._actions.append(Refused(f"{name} is the last worker in service: farm cancel ends a run"))
        else:
            self._workers.drain(name, drained=drained)
            self._readmit_the_last()

    def _end(self, reason: str, *, kill: bool) -> None:
        self._ending = reason
        self._actions.append(Ending(reason))
        if not kill or self._killing:
            return
        self._killing = True
        for name, worker in list(self._workers.items()):
            if worker.up:
                self._actions += [Kill(task, self._tasks[task].attempt, name, reason) for task in worker.running]
            else:
                self._give_away(name)

    # Dispatch

    def _close_or_dispatch(self, now: float) -> None:
        if self._ending:
            if not self.counts[State.RUNNING]:
                self._actions += self._tasks.close(self._ending)
            return
        workers = self._workers
        while workers.idle:
            for name in self._takers():
                if task := self._tasks.next(name, alone=workers.is_alone(name)):
                    self._start(name, task, now)
                    break
            else:
                return

    def _takers(self) -> Iterator[str]:
        """The idle worker whose turn it is; and the next one, which may have what failed on the first."""
        first = next(iter(self._workers.idle))
        yield first
        if len(self._workers.idle) > 1 and self._tasks.failed_on(first):
            yield next(name for name in self._workers.idle if name != first)

    def _start(self, name: str, task: str, now: float) -> None:
        self._workers.occupy(name, task, now)
        self._actions.append(Start(task, self._tasks.start(task, name), name))
