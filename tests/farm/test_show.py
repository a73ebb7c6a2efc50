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


def drawn(board: Board, width: int = 120, height: int = 40) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    console.print(show._view(board, width, height))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_the_view_has_a_line_a_worker_with_what_each_slot_does(board: Board) -> None:
    lines = drawn(board)
    (first,) = [line for line in lines if line.startswith("w1")]
    (second,) = [line for line in lines if line.startswith("w2")]
    assert "■■" in first
    assert "r5 50%" in first
    assert "r6" in first
    assert "lost" in second
    assert "rebuild on 2 workers" in lines[0]
    assert "55%" in lines[1]
    assert "5 of 10 tasks, 2 running, 1 held" in lines[2]


@pytest.mark.parametrize("width", [20, 40, 59, 80])
def test_a_narrow_terminal_has_still_one_line_a_worker(board: Board, width: int) -> None:
    board.workers["w1"].running = {f"a-task-with-a-long-name-{number}": board.started for number in range(5)}
    lines = drawn(board, width)
    assert all(len(line) <= width for line in lines)
    assert sum(line.startswith(("w1", "w2")) for line in lines) == 2
    assert lines[-1].startswith("w1")


def test_a_low_terminal_shows_workers_in_trouble_and_counts_the_others(board: Board) -> None:
    board.workers |= {f"v{number}": Line(2, "up") for number in range(20)}
    lines = drawn(board, height=10)
    assert len(lines) <= 9
    assert any(line.startswith("w2") and "lost" in line for line in lines)
    assert lines[-1].strip() == "and 18 more workers"


def test_a_worker_that_cannot_be_reached_says_why(board: Board) -> None:
    board.workers["w2"].trouble = "w2 (10.0.0.2:22) does not answer"
    assert any("w2 (10.0.0.2:22) does not answer" in line for line in drawn(board))


def test_the_headline_has_the_rate_of_this_head_and_the_time_of_all(board: Board) -> None:
    board.started -= 10
    board.before, board.earlier = 1, 3600
    assert "0.4/s, 1:00:10" in show.headline(board)
    board.collected["objects"] = 36100
    assert "36,100 objects, 10/s" in show.headline(board)


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
