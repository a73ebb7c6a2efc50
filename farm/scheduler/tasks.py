"""Tasks: where each stands, how many stand where, and those that wait. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from farm.events import Reopened, Settled, State
from farm.scheduler.queues import Queues


@dataclass(slots=True)
class Task:
    state: State = State.PENDING
    attempt: int = 0
    tries: int = 0
    worker: str = ""
    """Where the current attempt runs, or ran."""
    holding: bool = False
    """Whether the current attempt holds a slot there."""
    wanted: State | None = None
    """What is to become of it by order when its attempt does not end well."""
    reason: str = ""
    losses: tuple[str, ...] = ()


class Tasks:
    def __init__(self) -> None:
        self.counts = dict.fromkeys(State, 0)
        self._known: dict[str, Task] = {}
        self._queues = Queues()

    def __getitem__(self, name: str) -> Task:
        return self._known[name]

    def __len__(self) -> int:
        return len(self._known)

    def add(self, name: str, task: Task) -> None:
        """Raises ValueError where the id is taken."""
        if name in self._known:
            raise ValueError(f"task {name} is there already")
        self._known[name] = task
        self.counts[task.state] += 1
        if task.state is State.PENDING:
            self._queues.add(name)

    def next(self, worker: str, *, alone: bool) -> str | None:
        """Take the task that a worker is to do: none that failed there, unless it is ``alone``."""
        return self._queues.next(worker, alone=alone)

    def failed_on(self, worker: str) -> bool:
        """Whether one waits that failed there."""
        return self._queues.failed_on(worker)

    def start(self, name: str, worker: str) -> int:
        """Returns the attempt's number."""
        task = self._known[name]
        task.worker, task.holding = worker, True
        task.attempt += 1
        self._enter(task, State.RUNNING)
        return task.attempt

    def give_back(self, name: str) -> None:
        """It waits, before all others."""
        self._enter(self._known[name], State.PENDING)
        self._queues.put_first(name)

    def retry(self, name: str) -> None:
        """It waits for another worker."""
        task = self._known[name]
        self._enter(task, State.PENDING)
        self._queues.retry(name, task.worker)

    def settle(self, name: str, state: State, reason: str) -> Settled:
        task = self._known[name]
        self._enter(task, state)
        task.reason, task.wanted = reason, None
        return Settled(name, state, reason)

    def unsettle(self, name: str) -> Reopened:
        """A held task waits again, or is not to be held any more; with all its tries."""
        task = self._known[name]
        task.wanted, task.tries, task.losses = None, 0, ()
        if task.state is State.HELD:
            self.give_back(name)
        return Reopened(name)

    def withdraw(self, names: Sequence[str]) -> tuple[list[str], list[str]]:
        """Take those that wait out of the queues: (they, and those that run)."""
        waiting = {name for name in names if self._known[name].state is State.PENDING}
        self._queues.remove(waiting)
        once = dict.fromkeys(names)
        return [name for name in once if name in waiting], [name for name in once if name not in waiting]

    def close(self, reason: str) -> Iterator[Settled]:
        """The run ends: what waits is failed where it has been tried, else cancelled."""
        for name in list(self._queues.clear()):
            task = self._known[name]
            if task.tries:
                yield self.settle(name, State.FAILED, task.reason)
            else:
                yield self.settle(name, State.CANCELLED, reason)

    def why_not(self, names: Sequence[str], what: str, *states: State) -> str | None:
        """Why not all of them can be ``what``, which takes a task in one of the states."""
        for name in names:
            task = self._known.get(name)
            if task is None:
                return f"there is no task {name}"
            if task.state not in states and not (State.HELD in states and task.wanted is State.HELD):
                return f"task {name} is {task.state}: it cannot be {what}"
        return None

    def _enter(self, task: Task, state: State) -> None:
        self.counts[task.state] -= 1
        self.counts[state] += 1
        task.state = state
