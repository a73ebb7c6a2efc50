"""What a person sees of a run: on a terminal, and in a file."""

import io

import gevent
import pytest
from rich.console import Console

from farm import show
from farm.board import Board, Line
from farm.events import State


@pytest.fixture
def board() -> Board:
    counts = dict.fromkeys(State, 0) | {State.PENDING: 3, State.RUNNING: 2, State.DONE: 4, State.HELD: 1}
    made = Board("rebuild on 2 workers", 10, counts, {"w1": Line(2, "up", done=4), "w2": Line(2, "lost")})
    made.workers["w1"].running = {"r5": made.started, "r6": made.started}
    made.workers["w1"].progress = {"r5": {"done": 0.5}, "r6": "not yet written whole"}
    made.notes.append("w2 is lost: silent for 4 s")
    return made


def test_the_fraction_counts_what_running_tasks_tell(board: Board) -> None:
    assert board.ended == 5
    assert board.fraction() == pytest.approx(0.55)


def test_the_time_to_go_is_reckoned_from_what_this_head_did(board: Board) -> None:
    board.started -= 10
    assert board.remaining() == pytest.approx(10 * 0.45 / 0.55, rel=0.01)
    board.before = 5
    assert board.remaining() == pytest.approx(10 * 0.45 / 0.05, rel=0.01)


def test_the_view_has_a_line_a_worker_with_what_each_slot_does(board: Board) -> None:
    console = Console(file=io.StringIO(), width=120, force_terminal=True, color_system=None)
    console.print(show._view(board))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    (first,) = [line for line in text.splitlines() if "w1" in line]
    (second,) = [line for line in text.splitlines() if "w2" in line]
    assert "■■" in first
    assert "r5 50%" in first
    assert "r6" in first
    assert "lost" in second
    assert "5 of 10 tasks, 2 running, 1 held" in text


def test_without_a_terminal_there_are_plain_lines_with_every_note(
    board: Board, capsys: pytest.CaptureFixture[str]
) -> None:
    watcher = gevent.spawn(show.watch, board)
    gevent.sleep(0.1)
    board.notes.append("task r9 failed on w1: exit code 1")
    board.over = True
    watcher.join()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "w2 is lost: silent for 4 s"
    assert lines[1].startswith("rebuild on 2 workers: 5 of 10 tasks")
    assert lines[2] == "task r9 failed on w1: exit code 1"
    assert lines[3].startswith("rebuild on 2 workers: 5 of 10 tasks")
