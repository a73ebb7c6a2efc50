"""``farm status --watch``: a run of another process, shown as its head shows it, by what the journal says."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import gevent

from farm import show
from farm.board import Board, Line
from farm.events import State
from farm.history import History
from farm.runs import Run

INTERVAL = 1.0
"""Seconds between looks at the journal."""
_RECENT = 120.0
"""The rate is that of so many seconds."""


def watch(run: Run) -> None:
    """Show the run until no head works at it any more. Raises RunError where its journal cannot be read."""
    history = History(run.journal)
    try:
        board = look(history, f"farm {run.verb}, run {run.id}")
        since = time.time()
        with _shown(board):
            while run.is_held():
                gevent.sleep(INTERVAL)
                refresh(board, history)
                for at, note in history.notes(since):
                    board.notes.append(note)
                    since = at
    finally:
        history.close()


@contextmanager
def _shown(board: Board) -> Iterator[None]:
    viewer = gevent.spawn(show.watch, board)
    try:
        yield
    finally:
        board.over = True
        viewer.join(timeout=2)
        viewer.kill()


def look(history: History, title: str) -> Board:
    """The board of a run, as the journal has it now."""
    workers = {name: Line(slots) for name, slots in history.meta().get("workers", {}).items()}
    board = Board(title, 0, {}, workers)
    refresh(board, history)
    return board


def refresh(board: Board, history: History) -> None:
    """Bring the board up to date."""
    found = history.counts()
    counts = {state: found.get(state, 0) for state in State}
    counts[State.RUNNING] = min(len(history.running()), counts[State.PENDING])
    counts[State.PENDING] -= counts[State.RUNNING]
    board.counts, board.total = counts, sum(counts.values())
    now, begun = time.time(), history.meta()["begun"]
    recent = min(_RECENT, now - begun)
    board.started, board.earlier = time.monotonic() - recent, now - begun - recent
    board.before = max(0, board.ended - history.ended_since(now - recent))
    board.collected = history.collected()
    _workers(board, history, time.monotonic() - now)


def _workers(board: Board, history: History, offset: float) -> None:
    """``offset`` turns a time since 1970 into one of the clock of the board."""
    for name, states in history.attempts_by_worker().items():
        line = board.workers.setdefault(name, Line(0))
        line.done = states.get("exited", 0) + states.get("accepted", 0)
        line.failed = states.get("failed", 0) + states.get("refused", 0)
        line.running = {}
    for name, what in history.last_events().items():
        if what in ("up", "lost", "taken out", "drained") and name in board.workers:
            board.workers[name].state = what  # type: ignore[assignment]
    for task, _, worker, started in history.running():
        board.workers[worker].running[task] = started + offset
