"""A run's journal: one SQLite file, on disk before a command is sent. The only module that opens it.

Writers commit whole batches; a commit is durable when it returns (WAL, synchronous=FULL).
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farm.disk import sync
from farm.errors import RunError
from farm.events import State
from farm.journal_tables import FORMAT, TABLES, UPGRADES
from farm.worker.protocol import Message

Record = tuple[str, Sequence[Any]]
"""A statement and its values."""


@dataclass(frozen=True, slots=True)
class Task:
    """A command line to run once. ``id`` is made of letters, digits, ``-`` and ``_``."""

    id: str
    command: str
    timeout: float | None = None
    """Seconds."""
    ok: tuple[int, ...] = (0,)
    """Exit codes of an attempt that ended well."""
    detail: Mapping[str, Any] | None = None
    """What the verb that made the task wants to know about it later."""


@dataclass(frozen=True)
class Accepted:
    """A task that is done, by the attempt that counts."""

    task: str
    attempt: int
    worker: str
    detail: Mapping[str, Any]
    result: Mapping[str, Any]
    wall: float


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a task stands when a head opens its run."""

    task: Task
    state: State
    attempt: int
    """The number of its latest attempt, 0 before the first."""
    tries: int
    """Failed attempts that count."""
    worker: str | None
    """Where the latest attempt may still run, for all that the journal knows."""


def started(task: str, attempt: int, worker: str, mark: str, at: float) -> Record:
    return (
        "INSERT INTO attempts (task, attempt, worker, mark, state, started) VALUES (?, ?, ?, ?, 'sent', ?)",
        (task, attempt, worker, mark, at),
    )


def ended(receipt: Message, reason: str | None, at: float, *, killed: bool = False) -> Record:
    """The receipt of an attempt; ``reason`` says why it failed, and is None where it ended well.

    One that was ``killed``, by order or as the run ended, costs no try.
    """
    return (
        "UPDATE attempts SET state = ?, ended = ?, code = ?, signal = ?, reason = ?, wall = ?, cpu = ?, rss = ?,"
        " slot = ? WHERE task = ? AND attempt = ?",
        (
            "killed" if killed else "failed" if reason else "exited",
            at,
            *(receipt[key] for key in ("code", "signal")),
            reason,
            *(receipt[key] for key in ("wall", "cpu", "rss")),
            receipt.get("slot"),
            *(receipt[key] for key in ("task", "attempt")),
        ),
    )


def collected(task: str, attempt: int, state: str, reason: str | None, result: Mapping[str, Any] | None) -> Record:
    """What became of an attempt's output: ``accepted``, ``refused`` or ``missed``."""
    return (
        "UPDATE attempts SET state = ?, reason = ?, result = ? WHERE task = ? AND attempt = ?",
        (state, reason, json.dumps(result) if result is not None else None, task, attempt),
    )


def lost(worker: str, at: float) -> Record:
    return ("UPDATE attempts SET state = 'lost', ended = ? WHERE worker = ? AND state = 'sent'", (at, worker))


def settled(task: str, state: State, reason: str, accepted: int | None) -> Record:
    return ("UPDATE tasks SET state = ?, reason = ?, accepted = ? WHERE id = ?", (state, reason, accepted, task))


def happened(at: float, worker: str, what: str, detail: str) -> Record:
    return ("INSERT INTO events VALUES (?, ?, ?, ?)", (at, worker, what, detail))


def reopened() -> Record:
    """What the former head of the run did not come to waits again."""
    return ("UPDATE tasks SET state = 'pending', reason = '' WHERE state IN ('failed', 'cancelled')", ())


def cancelled(reason: str) -> Record:
    """What waits will not be done."""
    return ("UPDATE tasks SET state = 'cancelled', reason = ? WHERE state IN ('pending', 'failed')", (reason,))


def abandoned() -> Record:
    """What was on its way when the former head of the run ended is lost."""
    return (
        "UPDATE attempts SET state = 'lost' WHERE state IN ('sent', 'exited')"
        " AND NOT EXISTS (SELECT 1 FROM tasks WHERE id = task AND accepted = attempt)",
        (),
    )


_FORGIVE = (
    "UPDATE tasks SET state = 'pending', reason = '',"
    " forgiven = (SELECT coalesce(max(attempt), 0) FROM attempts WHERE task = id)"
)


def forgiven() -> Record:
    """Held tasks wait again, with all their tries."""
    return (f"{_FORGIVE} WHERE state = 'held'", ())


def unheld(task: str) -> Record:
    """A held task waits again, with all its tries."""
    return (f"{_FORGIVE} WHERE id = ?", (task,))


def noted(key: str, value: Any) -> Record:
    return ("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))


def taken_up(at: float, seconds: float) -> list[Record]:
    """A head begins to work at the run; those before it did for ``seconds``. What they said at their end is over."""
    over = ("DELETE FROM meta WHERE key IN ('ended', 'interrupted')", ())
    return [over, noted("taken_up", at), noted("seconds", seconds)]


class Journal:
    """An open journal. Every call belongs to one thread at a time and blocks while the disk does."""

    def __init__(self, path: Path) -> None:
        """Open the journal of a run. Raises RunError where there is none, or none that can be read."""
        self.path = path
        try:
            if not path.exists():
                raise RunError(f"there is no journal {path}: this run never began")
            self._db = _connect(path)
        except (sqlite3.Error, OSError) as error:
            raise self._unreadable(error) from None
        format_ = self._upgraded()
        if format_ != FORMAT:
            self.close()
            raise RunError(
                f"the journal {path} has format {format_}, this farm reads format {FORMAT}:"
                " take the farm that made it, or begin a new run"
            )

    @classmethod
    def create(cls, path: Path, meta: Mapping[str, Any], tasks: Iterable[Task]) -> "Journal":
        """Make the journal of a new run with all of its tasks; it is there when it is whole.

        Raises RunError where the disk refuses it.
        """
        fresh = path.with_suffix(".new")
        try:
            cls._make(fresh, meta, tasks)
            fresh.rename(path)
            sync(path.parent)
        except (sqlite3.Error, OSError) as error:
            raise _unwritable(path, error) from None
        return cls(path)

    @staticmethod
    def _make(fresh: Path, meta: Mapping[str, Any], tasks: Iterable[Task]) -> None:
        # Not in WAL mode yet: the file alone must hold everything when it gets its name.
        with closing(_open(fresh)) as db, db:
            db.executescript(TABLES)
            db.execute("BEGIN")
            db.execute(f"PRAGMA user_version = {FORMAT}")
            db.executemany("INSERT INTO meta VALUES (?, ?)", [(key, json.dumps(value)) for key, value in meta.items()])
            db.executemany(
                "INSERT INTO tasks (id, command, timeout, ok, detail, state, reason)"
                " VALUES (?, ?, ?, ?, ?, 'pending', '')",
                (
                    (task.id, task.command, task.timeout, json.dumps(task.ok), json.dumps(task.detail or {}))
                    for task in tasks
                ),
            )

    def _upgraded(self) -> int:
        """Bring a journal of a former format to this one's, which adds and takes nothing away; returns the format."""
        ((format_,),) = self._rows("PRAGMA user_version")
        while format_ in UPGRADES:
            try:
                with self._db:
                    self._db.execute("BEGIN IMMEDIATE")
                    ((format_,),) = self._db.execute("PRAGMA user_version").fetchall()
                    if format_ in UPGRADES:  # nobody else did it meanwhile
                        self._db.execute(UPGRADES[format_])
                        format_ += 1
                        self._db.execute(f"PRAGMA user_version = {format_}")
            except sqlite3.Error as error:
                self._db.close()
                raise _unwritable(self.path, error) from None
        return int(format_)

    def commit(self, records: Sequence[Record]) -> None:
        """All of them, or none; on disk when this returns. Raises RunError where the disk refuses them."""
        try:
            with self._db:
                self._db.execute("BEGIN")
                for statement, values in records:
                    self._db.execute(statement, values)
        except sqlite3.Error as error:
            raise _unwritable(self.path, error) from None

    def verify(self) -> None:
        """Look through the whole file. Raises RunError where it is torn, or where its books disagree."""
        ((said,),) = self._rows("PRAGMA integrity_check(1)")
        if said != "ok":
            raise self._unreadable(" ".join(said.replace("*** in database main ***", "").split()))
        ((wrong,),) = self._rows(
            "SELECT count(*) FROM tasks LEFT JOIN attempts ON task = id AND attempt = accepted"
            " WHERE (tasks.state = 'done') != (task IS NOT NULL)"
        )
        if wrong:
            raise self._unreadable(f"{wrong} tasks are done without an accepted attempt, or the other way round")

    def _rows(self, query: str, *values: Any) -> list[Any]:
        return list(self._each(query, *values))

    def _each(self, query: str, *values: Any) -> Iterator[Any]:
        try:
            yield from self._db.execute(query, values)
        except sqlite3.Error as error:
            raise self._unreadable(error) from None

    def _unreadable(self, why: object) -> RunError:
        return RunError(
            f"the journal {self.path} cannot be read ({why}): put back a whole copy of it, or begin a new run"
        )

    def close(self) -> None:
        self._db.close()

    def meta(self) -> dict[str, Any]:
        rows = self._rows("SELECT key, value FROM meta")
        try:
            return {key: json.loads(value) for key, value in rows}
        except ValueError as error:
            raise self._unreadable(error) from None

    def latest(self) -> float:
        """When something last happened, in seconds since 1970."""
        ((last,),) = self._rows("SELECT max(max(started, coalesce(ended, 0))) FROM attempts")
        meta = self.meta()
        return float(max(last or 0.0, *(meta.get(key, 0.0) for key in ("begun", "taken_up", "ended"))))

    def worked(self) -> float:
        """Seconds of all heads that worked at the run; of one that lives or has died, until what happened last."""
        meta = self.meta()
        before = float(meta.get("seconds", 0.0))
        since = meta.get("taken_up", meta.get("begun", 0.0))
        return before if "ended" in meta else before + max(0.0, self.latest() - since)

    def counts(self) -> dict[str, int]:
        """Tasks by state, as last written."""
        return dict(self._rows("SELECT state, count(*) FROM tasks GROUP BY state"))

    def standings(self) -> Iterator[Standing]:
        """Every task, in order."""
        for row in self._each(
            "SELECT id, command, timeout, ok, detail, tasks.state, coalesce(max(attempt), 0),"
            " coalesce(sum(attempts.state IN ('failed', 'refused') AND attempt > forgiven), 0),"
            " max(CASE WHEN attempts.state = 'sent' THEN worker END)"
            " FROM tasks LEFT JOIN attempts ON task = id GROUP BY position ORDER BY position"
        ):
            task = Task(row[0], row[1], row[2], tuple(json.loads(row[3])), json.loads(row[4]))
            yield Standing(task, State(row[5]), *row[6:])

    def accepted(self) -> list[Accepted]:
        """The tasks that are done, in order."""
        rows = self._rows(
            "SELECT id, accepted, worker, detail, coalesce(result, '{}'), wall FROM tasks"
            " JOIN attempts ON attempts.task = id AND attempt = accepted ORDER BY position"
        )
        return [Accepted(row[0], row[1], row[2], json.loads(row[3]), json.loads(row[4]), row[5]) for row in rows]

    def troubles(self) -> list[tuple[str, str, str]]:
        """The tasks that ended without being done: (id, state, reason)."""
        return self._rows("SELECT id, state, reason FROM tasks WHERE state IN ('failed', 'held') ORDER BY position")

    def attempts_by_worker(self) -> dict[str, dict[str, int]]:
        """Attempts by worker and state."""
        found: dict[str, dict[str, int]] = {}
        for worker, state, number in self._rows("SELECT worker, state, count(*) FROM attempts GROUP BY 1, 2"):
            found.setdefault(worker, {})[state] = number
        return found


def _unwritable(path: Path, error: Exception) -> RunError:
    return RunError(f"the journal {path} cannot be written ({error}): is the head's disk full?")


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    path.chmod(0o600)
    db.execute("PRAGMA synchronous = FULL")
    return db


def _connect(path: Path) -> sqlite3.Connection:
    db = _open(path)
    db.execute("PRAGMA journal_mode = WAL")
    return db
