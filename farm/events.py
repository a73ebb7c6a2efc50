"""What the scheduler is told, what it answers, and the states of a task.

States
    pending    waits for a slot
    running    an attempt runs, or its output is being collected, or its worker was lost and it may still run there
    done       one attempt is accepted
    failed     its last attempt failed, and the run ended before the next one
    held       out of tries, or it lost several workers; its reason says which
    cancelled  the run ended before an attempt of it ended
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
class Readmit:
    """A worker that was taken out may work again."""

    worker: str


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


@dataclass(frozen=True, slots=True)
class Drain:
    """Start nothing more; the run ends with what is running."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Start nothing more and kill what is running."""


Event = Up | Lost | Readmit | Exited | Done | Failed | Missed | Tick | Drain | Cancel


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


@dataclass(frozen=True, slots=True)
class Settled:
    """A task has come to its end."""

    task: str
    state: State
    reason: str


@dataclass(frozen=True, slots=True)
class TakenOut:
    worker: str
    reason: str


Action = Start | Kill | Settled | TakenOut
