"""The journal: what is committed is there for the next head, and what is no journal is refused."""

import sqlite3
import stat
from pathlib import Path

import pytest

from farm import journal as record
from farm.errors import RunError
from farm.events import State
from farm.journal import Journal, Task

TASKS = [Task("t1", "echo 'quotes\n☃'", timeout=3.5, ok=(0, 31), detail={"range": [-1, 2**62]}), Task("t2", "true")]
RECEIPT = {
    "t": "end", "task": "t1", "attempt": 1, "mark": "m", "code": 0, "signal": None, "error": None, "reason": None,
    "wall": 1.5, "cpu": 1.0, "rss": 4096,
}  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def test_a_committed_journal_is_read_by_the_next_head(path: Path) -> None:
    journal = Journal.create(path, {"environment": "lab", "window": "all"}, TASKS)
    journal.commit([record.started("t1", 1, "w1", "m", 100.0)])
    journal.commit(
        [
            record.ended(RECEIPT, None, 102.0),
            record.collected("t1", 1, "accepted", None, {"objects": 5}),
            record.settled("t1", State.DONE, "", 1),
            record.noted("ended", 103.0),
        ]
    )
    journal.close()
    again = Journal(path)
    (accepted,) = again.accepted()
    assert (accepted.task, accepted.attempt, accepted.worker, accepted.wall) == ("t1", 1, "w1", 1.5)
    assert (accepted.detail, accepted.result) == ({"range": [-1, 2**62]}, {"objects": 5})
    assert again.counts() == {"done": 1, "pending": 1}
    assert again.meta() == {"environment": "lab", "window": "all", "ended": 103.0}
    again.close()


def test_a_batch_is_written_whole_or_not_at_all(path: Path) -> None:
    journal = Journal.create(path, {}, TASKS)
    one = record.started("t1", 1, "w1", "m", 1.0)
    with pytest.raises(RunError, match="cannot be written"):
        journal.commit([record.settled("t2", State.HELD, "why", None), one, one])
    assert journal.counts() == {"pending": 2}
    journal.commit([one])
    journal.close()


def test_a_lost_worker_loses_what_was_sent_there_and_nothing_else(path: Path) -> None:
    journal = Journal.create(path, {}, TASKS)
    journal.commit([record.started("t1", 1, "w1", "m", 1.0), record.started("t2", 1, "w2", "n", 1.0)])
    journal.commit([record.lost("w1", 2.0)])
    assert journal.attempts_by_worker() == {"w1": {"lost": 1}, "w2": {"sent": 1}}
    journal.close()


def test_nobody_else_can_read_it(path: Path) -> None:
    Journal.create(path, {}, TASKS).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_missing_journal_is_refused(path: Path) -> None:
    with pytest.raises(RunError, match="no journal"):
        Journal(path)


def test_what_is_no_journal_is_refused(path: Path) -> None:
    path.write_bytes(b"this is no database, but it is long enough to look like one" * 20)
    with pytest.raises(RunError, match="cannot be read"):
        Journal(path)


def test_a_journal_of_another_format_is_refused(path: Path) -> None:
    Journal.create(path, {}, TASKS).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(RunError, match="format 99"):
        Journal(path)
