"""What a run came to, or has come to so far, by its journal."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from typing import Any

from farm import outcome
from farm.errors import Exit, RunError
from farm.events import State
from farm.history import History
from farm.journal import Journal
from farm.outcome import Outcome
from farm.runs import Run, every


@dataclass(frozen=True)
class WorkerShare:
    """What a worker did."""

    done: int
    """Tasks."""
    seconds: float
    """Sum over its tasks."""
    results: Mapping[str, int]
    """Sums over its accepted outputs: objects, rows, bytes."""
    attempts: Mapping[str, int]
    """All attempts on it, by how they ended."""


@dataclass(frozen=True)
class Summary:
    """Of a run that has ended, submitted = done + failed + held + cancelled; else the rest is still open."""

    run: str
    environment: str
    submitted: int
    done: int
    failed: int
    held: int
    cancelled: int
    seconds: float
    """Of all heads that worked at it; of one that lives or has died, until what happened last."""
    interrupted: bool
    results: Mapping[str, int]
    workers: Mapping[str, WorkerShare]
    unread: tuple[str, ...]
    """Objects whose light curve could not be read."""
    troubles: tuple[tuple[str, str, str], ...]
    """Tasks that failed or are held: id, state, reason."""
    without: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Inputs that the environment has no source of, and the features that are NULL for that."""
    outcome: Outcome | None = None
    """With what its last head ended."""

    @property
    def exit(self) -> Exit:
        if self.interrupted:
            return Exit.INTERRUPTED
        if self.done < self.submitted:
            return Exit.TASKS_FAILED
        return Exit.UNREAD if self.unread else Exit.OK

    def as_json(self) -> dict[str, Any]:
        return {"schema": 1, **asdict(self)}


def summarise(run: Run, journal: Journal) -> Summary:
    meta = journal.meta()
    counts = journal.counts()
    attempts = journal.attempts_by_worker()
    tasks, walls, results = Counter[str](), Counter[str](), Counter[str]()
    by_worker: dict[str, Counter[str]] = {name: Counter() for name in attempts}
    unread: list[str] = []
    for each in journal.accepted():
        unread += each.result.get("unread", ())
        tasks[each.worker] += 1
        walls[each.worker] += each.wall  # type: ignore[assignment]
        numbers = {key: value for key, value in each.result.items() if isinstance(value, int)}
        by_worker[each.worker].update(numbers)
        results.update(numbers)
    return Summary(
        run=run.id,
        environment=run.env,
        submitted=sum(counts.values()),
        **{state.value: counts.get(state, 0) for state in (State.DONE, State.FAILED, State.HELD, State.CANCELLED)},
        seconds=round(journal.worked(), 3),
        interrupted=bool(meta.get("interrupted")),
        results=dict(results),
        workers={
            name: WorkerShare(tasks[name], round(walls[name], 3), dict(by_worker[name]), attempts[name])
            for name in sorted(attempts)
        },
        unread=tuple(unread),
        troubles=tuple(journal.troubles()),
        without=meta.get("without", {}),
        outcome=outcome.of(meta),
    )


def read(run: Run) -> Summary:
    """The summary of a run of this head. Raises RunError where its journal cannot be read."""
    history = History(run.journal)
    try:
        return summarise(run, history)
    finally:
        history.close()


@dataclass(frozen=True)
class Overview:
    """A run in a list of runs."""

    run: str
    state: str
    """running, ended, interrupted, unfinished: its head ended before its tasks did; or unreadable: its journal is."""
    tasks: int
    done: int
    loaded: bool
    outcome: Outcome | None = None
    """With what its last head ended, one that loaded it too."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def overview(env: str) -> list[Overview]:
    """The runs of an environment, oldest first."""
    return [overview_of(run) for run in every(env)]


def overview_of(run: Run) -> Overview:
    loaded = run.is_loaded()
    try:
        with closing(Journal(run.journal)) as journal:
            meta, counts = journal.meta(), journal.counts()
    except RunError:
        return Overview(run.id, "unreadable", 0, 0, loaded)
    if run.is_held():
        state = "running"
    elif "ended" not in meta:
        state = "unfinished"
    else:
        state = "interrupted" if meta.get("interrupted") else "ended"
    return Overview(run.id, state, sum(counts.values()), counts.get(State.DONE, 0), loaded, outcome.of(meta))
