"""What readers make of a journal, also of one that another process still writes."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from command import farm

from farm import journal as record
from farm import runs, watch
from farm.errors import Exit, RunError
from farm.events import State
from farm.history import History, tsv
from farm.journal import Journal, Task
from farm.logs import kept
from farm.runs import Run
from farm.summary import overview

PAGE = 4096
"""Bytes: the first has the schema, the second the meta, the third the tasks."""
BEGUN = 1_700_000_000.0


def receipt(task: str, attempt: int, code: int) -> dict[str, object]:
    return {"task": task, "attempt": attempt, "code": code, "signal": None, "wall": 1.5, "cpu": 0.25, "rss": 4096}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """One task failed and then done, one on its way, two to come."""
    monkeypatch.setenv("FARM_HOME", str(tmp_path))
    made = runs.create("lab", "run")
    meta = {"environment": "lab", "verb": "run", "begun": BEGUN, "workers": {"w1": 2, "w2": 2}}
    journal = Journal.create(made.journal, meta, [Task(name, "true") for name in "abcd"])
    journal.commit(
        [
            record.happened(BEGUN, "w1", "up", "digest"),
            record.happened(BEGUN, "w2", "up", "digest"),
            record.started("a", 1, "w1", "m", BEGUN + 1),
            record.ended(receipt("a", 1, 3), "exit code 3 (a\tb\nc)", BEGUN + 2.5),
            record.happened(BEGUN + 3, "w2", "lost", "silent for 4 s"),
            record.started("a", 2, "w1", "m", BEGUN + 3),
            record.ended(receipt("a", 2, 0), None, BEGUN + 4.5),
            record.collected("a", 2, "accepted", None, {"objects": 7, "rows": 70}),
            record.settled("a", State.DONE, "", 2),
            record.started("b", 1, "w1", "m", BEGUN + 5),
        ]
    )
    made.logs.joinpath("a.1.log").write_text("oh no\n")
    yield made
    journal.close()


def test_a_table_of_attempts_has_a_line_each_and_nothing_in_a_cell_breaks_it(run: Run) -> None:
    history = History(run.journal)
    header, *lines = [line.split("\t") for line in tsv(history.attempts())]
    history.close()
    assert header == ["task", "attempt", "worker", "state", "started", "ended", "wall", "cpu", "rss", "code", "signal",
                      "reason", "slot"]  # fmt: skip
    first, second, third = [dict(zip(header, line, strict=True)) for line in lines]
    assert (first["task"], first["state"], first["code"]) == ("a", "failed", "3")
    assert first["started"] == "2023-11-14T22:13:21.000Z"
    assert first["reason"] == r"exit code 3 (a\tb\nc)"
    assert (second["attempt"], second["state"], second["wall"], second["rss"]) == ("2", "accepted", "1.5", "4096")
    assert (third["task"], third["state"], third["ended"], third["code"]) == ("b", "sent", "", "")


def test_the_verb_prints_the_table_and_nothing_else(run: Run) -> None:
    said = farm("status", run.id, "--tsv")
    assert said.code == Exit.OK
    assert [line.split("\t")[0] for line in said.stdout.splitlines()] == ["task", "a", "a", "b"]
    assert farm("status", run.id, "--tsv", "--json").code == Exit.USAGE


def test_a_board_is_made_of_the_journal(run: Run) -> None:
    history = History(run.journal)
    board = watch.look(history, "title")
    assert (board.total, board.ended, board.counts[State.RUNNING], board.counts[State.PENDING]) == (4, 1, 1, 2)
    assert {name: (line.state, line.slots, line.done, line.failed) for name, line in board.workers.items()} == {
        "w1": ("up", 2, 1, 1),
        "w2": ("lost", 2, 0, 0),
    }
    assert list(board.workers["w1"].running) == ["b"]
    assert board.collected == {"objects": 7, "rows": 70}
    assert board.seconds + board.earlier == pytest.approx(time.time() - BEGUN, abs=5)
    assert [note for _, note in history.notes(BEGUN + 2)] == [
        "task a failed on w1: exit code 3 (a\tb\nc)",
        "w2 is lost: silent for 4 s",
    ]
    history.close()


def test_the_rate_of_a_board_is_that_of_the_last_minutes(run: Run) -> None:
    journal = Journal(run.journal)
    journal.commit([record.noted("begun", time.time() - 10), record.ended(receipt("a", 2, 0), None, time.time())])
    journal.close()
    history = History(run.journal)
    board = watch.look(history, "title")
    history.close()
    assert board.before == 0
    assert board.remaining() == pytest.approx(30, rel=0.1)


def test_a_run_that_has_not_ended_has_lasted_until_what_happened_last(run: Run) -> None:
    assert farm("status", run.id, "--json").json()["seconds"] == 5


def test_looking_at_a_run_that_no_head_holds_ends_at_once(run: Run) -> None:
    said = farm("status", run.id, "--watch", timeout=30)
    assert said.code == Exit.OK
    assert "4 tasks = 1 done" in said.stdout
    assert f"run {run.id}" in said.stderr


def test_the_verb_shows_a_run_until_its_head_leaves_it(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    import gevent

    with run.locked():
        looking = gevent.spawn(watch.watch, run)
        gevent.sleep(0.2)
        assert not looking.ready()
        journal = Journal(run.journal)
        journal.commit([record.settled("b", State.HELD, "no more tries", None)])
        journal.commit([record.ended(receipt("b", 1, 9), "exit code 9", time.time() + 5)])
        journal.close()
        gevent.sleep(1.5 * watch.INTERVAL)
    looking.join(timeout=5)
    said = capsys.readouterr().err.splitlines()
    assert "task b failed on w1: exit code 9" in said
    assert "2 of 4 tasks, 1 held" in said[-1]


def test_kept_logs_are_of_attempts(run: Run) -> None:
    (log,) = kept(run, "a")
    assert (log.task, log.attempt, log.text) == ("a", 1, "oh no\n")
    with pytest.raises(RunError, match="keeps no log of a task b"):
        list(kept(run, "b"))
    told = farm("logs", run.id, "--json").json()
    assert told == {"schema": 1, "logs": [{"task": "a", "attempt": 1, "text": "oh no\n"}]}
    assert farm("logs", run.id).stdout == "== a.1\noh no\n"


def damaged(run: Run, whole: int) -> Run:
    """A run whose journal is that of ``run``, with all but its first pages overwritten."""
    made = runs.create("lab", "run")
    with closing(sqlite3.connect(run.journal)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = run.journal.read_bytes()
    made.journal.write_bytes(data[: whole * PAGE] + b"\xff" * (len(data) - whole * PAGE))
    return made


@pytest.mark.parametrize("whole", [0, 1, 2])
def test_a_damaged_journal_is_listed_and_hides_no_other(run: Run, whole: int) -> None:
    broken = damaged(run, whole)
    found = {each.run: each.state for each in overview("lab")}
    assert found == {run.id: "unfinished", broken.id: "unreadable"}
    said = farm("runs")
    assert (said.code, said.stderr) == (0, "")
    assert run.id in said.stdout


def test_a_journal_that_holds_no_json_is_listed(run: Run) -> None:
    with closing(sqlite3.connect(run.journal)) as db:
        db.execute("UPDATE meta SET value = '{' WHERE key = 'begun'")
        db.commit()
    assert [each.state for each in overview("lab")] == ["unreadable"]


def test_logs_of_a_run_without_a_journal_that_can_be_read_are_refused(run: Run) -> None:
    for broken in (damaged(run, 1), damaged(run, 3), runs.create("lab", "run")):
        for words in ((), ("--json",), ("a",)):
            said = farm("logs", broken.id, *words)
            assert (said.code, said.stdout) == (Exit.RUN, "")
            assert "journal" in said.stderr


def test_a_task_is_followed_by_name() -> None:
    assert farm("logs", "last", "--follow").code == Exit.USAGE
