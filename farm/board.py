"""What a run looks like at this moment: written by the runner, read by whoever shows it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from farm.events import State


@dataclass
class Line:
    """A worker."""

    slots: int
    state: Literal["connecting", "up", "lost", "taken out", "drained"] = "connecting"
    running: dict[str, float] = field(default_factory=dict)
    """Tasks, and when they started."""
    waiting: set[str] = field(default_factory=set)
    """Tasks that were sent there and wait, while other runs have the slots."""
    progress: dict[str, Any] = field(default_factory=dict)
    """What the tasks' progress files hold."""
    done: int = 0
    failed: int = 0
    load: float = 0.0
    trouble: str = ""
    """Why it cannot be reached."""


@dataclass
class Board:
    title: str
    total: int
    counts: Mapping[State, int]
    """Tasks by state."""
    workers: dict[str, Line]
    before: int = 0
    """Tasks that had ended at ``started``."""
    started: float = field(default_factory=time.monotonic)
    """When this head took up the run; its rate is reckoned from there."""
    earlier: float = 0.0
    """Seconds that the run had gone on before."""
    collected: dict[str, int] = field(default_factory=dict)
    """Sums over the accepted outputs: objects, rows, bytes."""
    notes: list[str] = field(default_factory=list)
    """Failures and losses as they happen."""
    over: bool = False
    ending: str = ""
    """Why the run ends before its tasks, if it does."""

    @property
    def seconds(self) -> float:
        """Since ``started``."""
        return time.monotonic() - self.started

    @property
    def ended(self) -> int:
        """Tasks that have come to their end."""
        return self.total - self.counts[State.PENDING] - self.counts[State.RUNNING]

    def fraction(self) -> float:
        """How far the run is, with the parts of running tasks that they tell of; 0 to 1."""
        parts = sum(
            float(told.get("done", 0)) if isinstance(told, Mapping) else 0.0
            for line in self.workers.values()
            for task, told in line.progress.items()
            if task in line.running
        )
        return min(1.0, (self.ended + parts) / self.total) if self.total else 1.0

    def remaining(self) -> float | None:
        """Seconds until the end, at the rate so far; None before there is one."""
        done = self.fraction()
        now = done - self.before / self.total if self.total else 1.0
        return self.seconds * (1 - done) / now if now > 0.005 else None
