"""What a run is made of: its tasks, its workers, and what becomes of the output."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from farm.journal import Task
from farm.link import Worker
from farm.runs import Run
from farm.scheduler import Halt
from farm.transport import Session, Transport
from farm.worker.protocol import ROOT

PATIENCE = 600.0
"""Seconds without any worker after which a run ends."""


PROBE = f'file=$(mktemp {ROOT}/probe.XXXXXX) && echo probe > "$file" && rm "$file"'
"""Whether a worker can write where its tasks work."""


class Collector(Protocol):
    def __call__(self, session: Session, task: Task, attempt: int) -> Mapping[str, Any]:
        """Bring an attempt's output here and check it; returns what the journal keeps of it.

        Raises PartsError where the output is not good, UnreachableError where it cannot be brought.
        """


@dataclass(frozen=True)
class Job:
    """How to run the tasks of a run; its journal has them."""

    run: Run
    workers: Sequence[Worker]
    agent: str
    """The command that starts an agent."""
    transport: Transport
    title: str
    collect: Collector | None = None
    patience: float = PATIENCE
    tries: int = 3
    """Attempts that may fail until a task is held."""
    halt: Halt | None = None
    """When the run ends before its tasks."""
    timeout_percent: float | None = None
    """What an attempt may take, of the median of the tasks that are done."""
    probe: str = PROBE
    """Ends with 0 where a worker that was taken out is well."""
    prepare: Callable[[Session], None] | None = None
    """Called with each new connection, before its agent starts. Raises ReleaseError where the worker cannot be used."""
