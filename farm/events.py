"""What the scheduler is told, what it answers, and the states of a task.

States
    pending    waits for a slot
    running    an attempt runs, or its output is being collected, or its worker was lost and it may still run there
    done       one attempt is accepted
    failed     its last attempt failed, and the run ended before the next one
    held       out of tries, or it lost several workers, or by order; its reason says which
    cancelled  by order, or the run ended before an attempt of it ended; its reason says why
"""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    HELD = "held"
    CANCELLED = "cancelled"


# What workers do


@dataclass(frozen=True, slots=True)
class Up:
    """A worker is there with free slots, and nothing that was started on it before still runs."""

    worker: str
    slots: int


@dataclass(frozen=True, slots=True)
class Lost:
    """A worker is gone; what runs on it ends by ``until`` at the latest."""

    worker: str
    until: float


@dataclass(frozen=True, slots=True)
class Probed:
    """A worker that was taken out was probed."""

    worker: str
    ok: bool


@dataclass(frozen=True, slots=True)
class Waits:
    """The attempt waits on its worker, where other runs have the slots."""

    task: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Began:
    """The attempt waits no longer."""

    task: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Exited:
    """The attempt's command has ended well and its slot is free; its output is being collected."""

    task: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Done:
    """The attempt is accepted."""

    task: str
    attempt: int
    wall: float = 0.0
    """Seconds that its command took."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt failed, or its output was refused: costs a try."""

    task: str
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class Missed:
    """The attempt's output could not be brought here, for its worker is gone: costs no try."""

    task: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


# What people want


@dataclass(frozen=True, slots=True)
class Drain:
    """Start nothing more; the run ends with what is running."""

    reason: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Start nothing more and kill what is running."""

    reason: str


@dataclass(frozen=True, slots=True)
class CancelTasks:
    """Kill these, or do not start them."""

    tasks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """Do not start these. One that runs goes on: it is done if that attempt ends well, else held."""

    tasks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unhold:
    """These held ones wait again, with all their tries."""

    tasks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DrainWorker:
    """Start nothing more there; what runs there ends."""

    worker: str


@dataclass(frozen=True, slots=True)
class UndrainWorker:
    worker: str


News = Up | Lost | Probed | Waits | Began | Exited | Done | Failed | Missed | Tick
Order = Drain | Cancel | CancelTasks | Hold | Unhold | DrainWorker | UndrainWorker
Event = News | Order


# What is to be done


@dataclass(frozen=True, slots=True)
class Start:
    task: str
    attempt: int
    worker: str


@dataclass(frozen=True, slots=True)
class Kill:
    task: str
    attempt: int
    worker: str
    reason: str
    slow: bool = False
    """Whether it took too long: costs a try."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A task has come to its end."""

    task: str
    state: State
    reason: str


@dataclass(frozen=True, slots=True)
class Reopened:
    """A held task waits again."""

    task: str


@dataclass(frozen=True, slots=True)
class TakenOut:
    worker: str
    reason: str


@dataclass(frozen=True, slots=True)
class Probe:
    """Find out whether a worker that was taken out is well, and say so: Probed."""

    worker: str


@dataclass(frozen=True, slots=True)
class Readmitted:
    worker: str


@dataclass(frozen=True, slots=True)
class Ending:
    """From now on nothing starts."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The order cannot be carried out, and nothing of it was."""

    reason: str


Action = Start | Kill | Settled | Reopened | TakenOut | Probe | Readmitted | Ending | Refused
