"""A run's journal as its readers see it: what attempts there were, and what goes on. Nothing is written."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from farm.errors import RunError
from farm.events import State
from farm.journal import Journal

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a task. What is not known, or not yet, is None."""

    task: str
    attempt: int
    worker: str
    state: str
    """sent (it runs), lost, failed, killed, refused, missed, exited, or accepted: the one that counts."""
    started: float
    """Seconds since 1970, as ``ended``."""
    ended: float | None
    wall: float | None
    """Seconds of the command, as the worker measured them."""
    cpu: float | None
    """Seconds of all of its processes."""
    rss: int | None
    """Bytes of the largest of them."""
    code: int | None
    signal: int | None
    reason: str | None
    slot: int | None
    """The worker's slot that it had, from 1; what was lost with its worker never told."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal's log: what was written, in the order in which it was."""

    seq: int
    """From 1 on; what has a number keeps it."""
    at: float
    """Seconds since 1970."""
    kind: str
    """run, worker, task or attempt."""
    name: str
    """Of the worker or the task; empty for the run."""
    attempt: int | None
    """The attempt, or the one that made its task done."""
    state: str
    detail: str | None
    """Why."""
    worker: str | None
    code: int | None
    signal: int | None
    wall: float | None
    cpu: float | None
    rss: int | None
    slot: int | None
    result: str | None
    """Of an accepted attempt, JSON."""


_ENDED = "'exited', 'failed', 'killed', 'refused', 'missed', 'accepted'"
COLUMNS = tuple(field.name for field in fields(Attempt))


class History(Journal):
    """An open journal. Raises RunError where it cannot be read, from every call."""

    def attempts(self, task: str | None = None) -> Iterator[Attempt]:
        """Every attempt, of every task or of one, in the order of their starts."""
        state = "CASE WHEN tasks.accepted = attempt THEN 'accepted' ELSE attempts.state END"
        columns = ", ".join(
            {"state": state, "reason": "attempts.reason"}.get(each, f"attempts.{each}") for each in COLUMNS
        )
        where = "" if task is None else "WHERE task = ?"
        query = f"SELECT {columns} FROM attempts JOIN tasks ON id = task {where} ORDER BY started, task"  # noqa: S608
        for row in self._each(query, *([] if task is None else [task])):
            yield Attempt(*row)

    def log(self, after: int = 0) -> Iterator[Entry]:
        """What was written after entry ``after``. Raises RunError for a journal that was begun without a log."""
        if not self._rows("SELECT 1 FROM sqlite_master WHERE name = 'log'"):
            raise RunError(f"the journal {self.path} has no log of events: it was begun by an older farm")
        figures = ", ".join(
            f"CASE WHEN log.state IN ({_ENDED}) THEN {name} END"
            for name in ("code", "signal", "wall", "cpu", "rss", "slot")
        )
        query = (
            f"SELECT seq, at, kind, name, log.attempt, log.state, log.detail, worker, {figures},"  # noqa: S608
            " CASE WHEN log.state = 'accepted' THEN result END"
            " FROM log LEFT JOIN attempts ON kind = 'attempt' AND task = name AND attempts.attempt = log.attempt"
            " WHERE seq > ? ORDER BY seq"
        )
        for row in self._each(query, after):
            yield Entry(*row)

    def running(self) -> list[tuple[str, int, str, float]]:
        """Attempts whose end is not known: (task, attempt, worker, when it was started)."""
        return self._rows("SELECT task, attempt, worker, started FROM attempts WHERE state = 'sent' ORDER BY started")

    def state(self, task: str) -> State | None:
        """None where the run has no such task."""
        found = self._rows("SELECT state FROM tasks WHERE id = ?", task)
        return State(found[0][0]) if found else None

    def collected(self) -> dict[str, int]:
        """Sums over the accepted outputs: objects, rows, bytes."""
        names = ("objects", "rows", "bytes")
        sums = ", ".join(f"sum(json_extract(result, '$.{name}'))" for name in names)
        (found,) = self._rows(f"SELECT {sums} FROM attempts WHERE state = 'accepted'")  # noqa: S608
        return {name: value for name, value in zip(names, found, strict=True) if value is not None}

    def done(self) -> Iterator[tuple[float, int]]:
        """When each task was done, and with how many objects."""
        yield from self._each(
            "SELECT ended, coalesce(json_extract(result, '$.objects'), 0) FROM tasks"
            " JOIN attempts ON task = id AND attempt = accepted ORDER BY ended"
        )

    def happened(self) -> list[tuple[float, str, str, str]]:
        """What happened to workers and to the run: (when, worker, what, in words)."""
        return self._rows("SELECT at, worker, what, detail FROM events ORDER BY rowid")

    def commands(self, tasks: Sequence[str]) -> dict[str, str]:
        """Command lines by task."""
        return {task: self._rows("SELECT command FROM tasks WHERE id = ?", task)[0][0] for task in tasks}

    def ended_since(self, at: float) -> int:
        """How many attempts ended well since then."""
        ((number,),) = self._rows(
            "SELECT count(*) FROM attempts WHERE state IN ('exited', 'accepted') AND ended >= ?", at
        )
        return int(number)

    def span(self) -> float:
        """Seconds from the begin of the run to what happened last."""
        return self.latest() - float(self.meta()["begun"])

    def last_events(self) -> dict[str, str]:
        """What last happened to each worker: up, lost, taken out."""
        return dict(self._rows("SELECT worker, what FROM events ORDER BY rowid"))

    def notes(self, since: float) -> list[tuple[float, str]]:
        """What went wrong after that time: (when, in words), in order."""
        found = [
            (at, f"task {task} failed on {worker}: {reason}")
            for at, task, worker, reason in self._rows(
                "SELECT ended, task, worker, reason FROM attempts WHERE state IN ('failed', 'refused') AND ended > ?",
                since,
            )
        ]
        events = self._rows("SELECT at, worker, what, detail FROM events WHERE what != 'up' AND at > ?", since)
        return sorted([*found, *((at, _event(worker, what, detail)) for at, worker, what, detail in events)])


def _event(worker: str, what: str, detail: str) -> str:
    """In words."""
    return f"by order: {detail}" if what == "told" else f"{worker} is {what}: {detail}"


def tsv(attempts: Iterable[Attempt]) -> Iterator[str]:
    """Lines of a table of attempts, its header first; times in UTC, what is not known is empty."""
    yield "\t".join(COLUMNS)
    for each in attempts:
        yield "\t".join(_cell(name, getattr(each, name)) for name in COLUMNS)


def utc(at: float) -> str:
    """A time since 1970 as text, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _cell(name: str, value: object) -> str:
    if value is None:
        return ""
    if name in ("started", "ended") and isinstance(value, float):
        return utc(value)
    return str(value).translate(_ESCAPES)
