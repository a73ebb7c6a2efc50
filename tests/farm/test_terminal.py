"""The living view on real terminals, wide and narrow, with and without colour."""

import sys

import pytest
import terminal

PROGRAM = """
import gevent
from farm import show
from farm.board import Board, Line
from farm.events import State

counts = dict.fromkeys(State, 0) | {State.PENDING: 8, State.RUNNING: 2}
workers = {"w1": Line(4, "up"), "w2": Line(4, "up")}
board = Board("rebuild on 2 workers", 10, counts, workers)
viewer = gevent.spawn(show.watch, board)
for number in range(3):
    board.workers["w1"].running = {f"r{number}": board.started, f"r{number}-of-a-long-name": board.started}
    board.counts = counts | {State.PENDING: 8 - number, State.DONE: number}
    board.workers["w1"].done = number
    gevent.sleep(0.3)
board.notes.append("task r7 failed on w2: exit code 3")
board.workers["w2"].state = "lost"
gevent.sleep(0.3)
board.over = True
viewer.join()
print("the table")
"""


@pytest.mark.parametrize("columns", [38, 60, 120])
def test_the_view_moves_in_its_place_and_failures_stand_above_it(columns: int) -> None:
    seen = terminal.run([sys.executable, "-c", PROGRAM], columns, 24, {})
    *above, title, _, _, first, second, last = _unfolded(seen.screen.shown, columns)
    assert above == ["task r7 failed on w2: exit code 3"]
    assert title == "rebuild on 2 workers"
    assert first.startswith("w2  lost")
    assert second.startswith("w1  up")
    assert "2 done" in second
    assert last == "the table"
    assert "\x1b[?25h" in seen.raw, "the cursor is back"


def test_colours_are_left_out_where_nobody_wants_them() -> None:
    plain = terminal.run([sys.executable, "-c", PROGRAM], 100, 24, {"NO_COLOR": "1"})
    coloured = terminal.run([sys.executable, "-c", PROGRAM], 100, 24, {})
    assert "\x1b[32m" in coloured.raw
    assert "\x1b[32m" not in plain.raw
    assert plain.screen.shown[0] == "task r7 failed on w2: exit code 3"


def test_a_terminal_that_can_do_nothing_gets_plain_lines() -> None:
    seen = terminal.run([sys.executable, "-c", PROGRAM], 100, 24, {"TERM": "dumb"})
    assert "\x1b" not in seen.raw
    assert seen.screen.shown[0].startswith("rebuild on 2 workers: 0 of 10 tasks")
    assert "task r7 failed on w2: exit code 3" in seen.screen.shown


def _unfolded(lines: list[str], columns: int) -> list[str]:
    """The headline may take two lines of a narrow terminal."""
    at = next(number for number, line in enumerate(lines) if "of 10 tasks" in line)
    end = next(number for number, line in enumerate(lines) if line.startswith("w2  "))
    assert end - at <= (2 if columns < 60 else 1)
    return [*lines[:at], " ".join(lines[at:end]), *lines[end:]]
