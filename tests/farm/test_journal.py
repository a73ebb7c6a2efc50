"""The journal: what is committed is there for the next head, and what is no journal is refused."""

import random
import shutil
import sqlite3
import stat
from pathlib import Path

import pytest

from farm import journal as record
from farm.errors import RunError
from farm.events import State
from farm.history import History
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


def interrupted(path: Path) -> Path:
    """What a head that was killed leaves: a database, and beside it the log of its last ten commits."""
    journal = Journal.create(path.with_name("living.sqlite"), {"environment": "lab"}, [
        Task(f"t{number:04d}", f"sleep {number}") for number in range(2000)
    ])  # fmt: skip
    for number in range(10):
        journal.commit([record.started(f"t{number:04d}", 1, "w1", f"mark {number}", float(number))])
    for suffix in ("", "-wal"):
        shutil.copyfile(f"{journal.path}{suffix}", f"{path}{suffix}")
    journal.close()
    return path


@pytest.mark.parametrize("kept", [0.0, 0.2, 0.5, 0.77, 0.999])
@pytest.mark.parametrize("damage", ["cut", "garbled"])
def test_of_a_log_with_a_torn_end_all_commits_before_the_tear_are_kept(path: Path, kept: float, damage: str) -> None:
    log = interrupted(path).with_name(f"{path.name}-wal")
    whole = log.read_bytes()
    keep = int(len(whole) * kept)
    rest = b"" if damage == "cut" else random.Random(1).randbytes(len(whole) - keep)
    log.write_bytes(whole[:keep] + rest)
    journal = Journal(path)
    journal.verify()
    standings = list(journal.standings())
    begun = [standing.task.id for standing in standings if standing.attempt]
    assert len(standings) == 2000
    assert begun == [f"t{number:04d}" for number in range(len(begun))]
    assert 10 * kept - 2 < len(begun) <= 10 * kept
    journal.commit([record.started("t1999", 1, "w1", "m", 1.0)])
    journal.close()


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.6, 0.95])
@pytest.mark.parametrize("damage", ["cut", "garbled"])
def test_a_torn_journal_is_refused_with_its_name_and_what_to_do(path: Path, kept: float, damage: str) -> None:
    whole = interrupted(path).read_bytes()
    path.with_name(f"{path.name}-wal").unlink()
    keep = int(len(whole) * kept)
    rest = b"" if damage == "cut" else random.Random(1).randbytes(len(whole) - keep)
    path.write_bytes(whole[:keep] + rest)
    with pytest.raises(RunError, match=rf"{path}.*begin a new run"):
        Journal(path).verify()


def test_books_that_disagree_are_refused(path: Path) -> None:
    journal = Journal.create(path, {}, TASKS)
    journal.verify()
    journal.commit([record.settled("t1", State.DONE, "", 1)])
    with pytest.raises(RunError, match="without an accepted attempt"):
        journal.verify()
    journal.close()


def test_a_journal_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"nowhere.*cannot be written"):
        Journal.create(tmp_path / "nowhere" / "journal.sqlite", {}, TASKS)


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


def test_a_journal_of_the_former_format_is_read_and_written_on(path: Path) -> None:
    Journal.create(path, {}, TASKS).close()
    with sqlite3.connect(path) as db:
        db.execute("ALTER TABLE attempts DROP COLUMN slot")
        db.execute("PRAGMA user_version = 1")
    db.close()
    for slot in (None, 2):
        journal = History(path)
        journal.commit([record.started("t1", slot or 1, "w1", "m", 1.0)])
        journal.commit([record.ended({**RECEIPT, "attempt": slot or 1} | ({"slot": slot} if slot else {}), None, 2.0)])
        assert [each.slot for each in journal.attempts()][-1] == slot
        journal.close()


def test_a_journal_of_another_format_is_refused(path: Path) -> None:
    Journal.create(path, {}, TASKS).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(RunError, match="format 99"):
        Journal(path)
