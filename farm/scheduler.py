"""Which task runs where: a pure state machine. Events and the time come in, actions go out; it does no I/O.

Rules
    - A failed attempt costs a try, a lost worker does not; the next attempt goes to another worker than the one that
      failed, as long as another one is in service.
    - Attempts on a lost worker are given away when they can no longer run there: at ``until``, or when its new agent
      says that they are gone.
    - A task whose worker was lost while others stayed, on ``max_losses`` different workers, is held.
    - A worker with ``max_streak`` failures in a row is taken out while another one in service has none.
    - Lost tasks come first, then failed ones, then those not yet tried. Each event takes O(log n).
"""

from collections import deque
from dataclasses import dataclass, field
from heapq import heappop, heappush

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
    Readmit,
    Settled,
    Start,
    State,
    TakenOut,
    Tick,
    Up,
)


@dataclass(slots=True)
class _Task:
    state: State = State.PENDING
    attempt: int = 0
    tries: int = 0
    worker: str = ""
    """Where the current attempt runs, or ran."""
    holding: bool = False
    """Whether the current attempt holds a slot there."""
    reason: str = ""
    losses: tuple[str, ...] = ()


@dataclass(slots=True)
class _Worker:
    slots: int = 0
    free: int = 0
    up: bool = False
    out: bool = False
    """Taken out of service."""
    streak: int = 0
    """Failures in a row."""
    epoch: int = 0
    running: dict[str, None] = field(default_factory=dict)
    """Tasks with an attempt here, living or lost."""

    @property
    def in_service(self) -> bool:
        return self.up and not self.out


class Scheduler:
    """``handle`` takes an event and the time, in seconds of any clock, and returns what to do."""

    def __init__(self, *, max_tries: int = 3, max_losses: int = 2, max_streak: int = 5) -> None:
        self.max_tries, self.max_losses, self.max_streak = max_tries, max_losses, max_streak
        self.counts = dict.fromkeys(State, 0)
        self.draining = self.cancelling = False
        self._tasks: dict[str, _Task] = {}
        self._workers: dict[str, _Worker] = {}
        self._returned: deque[str] = deque()
        self._retries: dict[str, deque[str]] = {}
        """Failed tasks by the worker that failed them; no deque is empty."""
        self._fresh: deque[str] = deque()
        self._idle: dict[str, None] = {}
        """Workers in service with a free slot; the one that waits longest comes first."""
        self._fences: list[tuple[float, str, int]] = []
        self._serving = 0
        self._spotless = 0
        """Workers in service without a failure in a row."""
        self._actions: list[Action] = []

    def submit(self, task: str, state: State = State.PENDING, attempt: int = 0, tries: int = 0) -> None:
        """Add a task that waits, or one of a former head that has ended. Raises ValueError where the id is taken."""
        if task in self._tasks:
            raise ValueError(f"task {task} is there already")
        self._tasks[task] = _Task(state, attempt, tries)
        self.counts[state] += 1
        if state is State.PENDING:
            self._fresh.append(task)

    def take_over(self, task: str, attempt: int, tries: int, worker: str, until: float) -> None:
        """Add a task that a former head started; it may run on that worker until then, or until the worker is up."""
        self.submit(task, State.RUNNING, attempt, tries)
        self._tasks[task].worker, self._tasks[task].holding = worker, True
        lost = self._workers.setdefault(worker, _Worker())
        if not lost.running:
            heappush(self._fences, (until, worker, lost.epoch))
        lost.running[task] = None

    @property
    def ended(self) -> bool:
        """Whether every task has come to its end."""
        return not self.counts[State.PENDING] and not self.counts[State.RUNNING]

    def state(self, task: str) -> State:
        return self._tasks[task].state

    def next_fence(self) -> float | None:
        """When a Tick is needed next, to give away tasks of a lost worker."""
        return self._fences[0][0] if self._fences else None

    def handle(self, event: Event, now: float) -> list[Action]:
        self._actions = []
        match event:
            case Up(worker, slots):
                self._up(worker, slots)
            case Lost(worker, until):
                self._lost(worker, until)
            case Readmit(worker):
                self._readmit(worker)
            case Exited(task, attempt):
                if known := self._current(task, attempt):
                    self._free_slot(task, known)
            case Done(task, attempt):
                if known := self._current(task, attempt):
                    self._free_slot(task, known)
                    self._judge(known.worker, ok=True)
                    self._settle(task, known, State.DONE, "")
            case Failed(task, attempt, reason):
                if known := self._current(task, attempt):
                    self._fail(task, known, reason)
            case Missed(task, attempt):
                if known := self._current(task, attempt):
                    self._free_slot(task, known)
                    self._return(task, known)
            case Drain():
                self.draining = True
            case Cancel():
                self._cancel()
            case Tick():
                pass
        self._lift_fences(now)
        self._close_or_dispatch()
        return self._actions

    def _current(self, task: str, attempt: int) -> _Task | None:
        """The task, where this attempt is the one that counts; late news of any other is void."""
        known = self._tasks[task]
        if known.state is not State.RUNNING or known.attempt != attempt:
            return None
        return None if known.holding and not self._workers[known.worker].up else known

    # Workers

    def _up(self, name: str, slots: int) -> None:
        worker = self._workers.setdefault(name, _Worker())
        if worker.up:
            self._lost(name, 0)
        self._give_away(name)
        worker.slots = worker.free = slots
        worker.up, worker.out = True, False
        worker.streak = 0
        self._enter_service(name, worker)

    def _lost(self, name: str, until: float) -> None:
        worker = self._workers.get(name)
        if worker is None or not worker.up:
            return
        if worker.in_service:
            self._leave_service(name, worker)
        worker.up = False
        worker.epoch += 1
        if worker.running:
            heappush(self._fences, (until, name, worker.epoch))
        self._readmit_the_last()

    def _readmit(self, name: str) -> None:
        worker = self._workers[name]
        if worker.up and worker.out:
            worker.out = False
            worker.streak = 0
            self._enter_service(name, worker)

    def _readmit_the_last(self) -> None:
        """With nobody left in service, those that were taken out are better than none."""
        if not self._serving:
            for name in self._workers:
                self._readmit(name)

    def _enter_service(self, name: str, worker: _Worker) -> None:
        self._serving += 1
        self._spotless += worker.streak == 0
        if worker.free:
            self._idle[name] = None

    def _leave_service(self, name: str, worker: _Worker) -> None:
        self._serving -= 1
        self._spotless -= worker.streak == 0
        self._idle.pop(name, None)

    def _lift_fences(self, now: float) -> None:
        while self._fences and self._fences[0][0] <= now:
            _, name, epoch = heappop(self._fences)
            worker = self._workers[name]
            if not worker.up and worker.epoch == epoch:
                self._give_away(name)

    def _give_away(self, name: str) -> None:
        """What a lost worker had can no longer run there."""
        worker = self._workers[name]
        blamed = self._serving > 0
        for task in list(worker.running):
            known = self._tasks[task]
            known.holding = False
            if blamed and name not in known.losses:
                known.losses += (name,)
            if len(known.losses) >= self.max_losses:
                where = " and ".join(known.losses)
                self._settle(task, known, State.HELD, f"its worker was lost each time it ran, on {where}")
            else:
                self._return(task, known)
        worker.running.clear()

    def _judge(self, name: str, *, ok: bool) -> None:
        """Count failures in a row, and take out a worker that only fails while another does not."""
        worker = self._workers[name]
        before, worker.streak = worker.streak, 0 if ok else worker.streak + 1
        if not worker.in_service:
            return
        self._spotless += (worker.streak == 0) - (before == 0)
        if worker.streak >= self.max_streak and self._spotless:
            self._leave_service(name, worker)
            worker.out = True
            self._actions.append(TakenOut(name, f"its last {worker.streak} tasks failed"))

    # Tasks

    def _free_slot(self, task: str, known: _Task) -> None:
        if not known.holding:
            return
        known.holding = False
        worker = self._workers[known.worker]
        del worker.running[task]
        worker.free += 1
        if worker.in_service:
            self._idle[known.worker] = None

    def _fail(self, task: str, known: _Task, reason: str) -> None:
        self._free_slot(task, known)
        self._judge(known.worker, ok=False)
        known.tries += 1
        known.reason = reason
        if self.cancelling:
            self._settle(task, known, State.CANCELLED, reason)
        elif known.tries >= self.max_tries:
            self._settle(task, known, State.HELD, f"failed {known.tries} times; at last: {reason}")
        else:
            self._enter(known, State.PENDING)
            self._retries.setdefault(known.worker, deque()).append(task)

    def _return(self, task: str, known: _Task) -> None:
        if self.cancelling:
            self._settle(task, known, State.CANCELLED, "its worker was lost")
            return
        self._enter(known, State.PENDING)
        self._returned.append(task)

    def _settle(self, task: str, known: _Task, state: State, reason: str) -> None:
        self._enter(known, state)
        known.reason = reason
        self._actions.append(Settled(task, state, reason))

    def _enter(self, known: _Task, state: State) -> None:
        self.counts[known.state] -= 1
        self.counts[state] += 1
        known.state = state

    def _cancel(self) -> None:
        self.draining = self.cancelling = True
        for name, worker in self._workers.items():
            if worker.up:
                self._actions += [Kill(task, self._tasks[task].attempt, name) for task in worker.running]
            else:
                self._give_away(name)

    # Dispatch

    def _close_or_dispatch(self) -> None:
        if self.draining:
            if not self.counts[State.RUNNING]:
                self._close()
            return
        while self._idle:
            name = next(iter(self._idle))
            task = self._next(name)
            if task is None:
                if not self._others_may_take(name):
                    return
                name, task = self._offer_to_others(name)
                if task is None:
                    return
            self._start(name, task)

    def _others_may_take(self, name: str) -> bool:
        """Whether only this worker's own failures wait, so that the next idle worker may have them."""
        return name in self._retries and len(self._idle) > 1

    def _offer_to_others(self, name: str) -> tuple[str, str | None]:
        other = next(each for each in self._idle if each != name)
        return other, self._next(other)

    def _next(self, name: str) -> str | None:
        if self._returned:
            return self._returned.popleft()
        for failer in self._retries:
            if failer != name or self._serving == 1:
                queue = self._retries[failer]
                task = queue.popleft()
                if not queue:
                    del self._retries[failer]
                return task
        return self._fresh.popleft() if self._fresh else None

    def _start(self, name: str, task: str) -> None:
        worker, known = self._workers[name], self._tasks[task]
        del self._idle[name]
        worker.free -= 1
        if worker.free:
            self._idle[name] = None
        worker.running[task] = None
        known.worker, known.holding = name, True
        known.attempt += 1
        self._enter(known, State.RUNNING)
        self._actions.append(Start(task, known.attempt, name))

    def _close(self) -> None:
        """The run ends: what waits is failed where it has been tried, else cancelled."""
        queues = [self._returned, *self._retries.values(), self._fresh]
        for task in [task for queue in queues for task in queue]:
            known = self._tasks[task]
            if known.tries:
                self._settle(task, known, State.FAILED, known.reason)
            else:
                self._settle(task, known, State.CANCELLED, "the run ended before it")
        for queue in queues:
            queue.clear()
        self._retries.clear()
