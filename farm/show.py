"""What a person sees: the run as it goes, on standard error, and tables of what it came to, on standard output."""

import sys
from collections.abc import Callable, Iterable, Sequence

import gevent
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from farm.board import Board, Line
from farm.events import State

_REFRESH = 0.25
_PLAIN = 5.0
"""Seconds between lines where there is no terminal."""
_WIDTH = 120
"""Columns where there is no terminal."""
_TASKS = 6
"""Running tasks named in a worker's line."""


def watch(board: Board) -> None:
    """Show the run until ``board.over``: a living view on a terminal, a line now and then elsewhere."""
    console = Console(stderr=True)
    if console.is_terminal:
        _live(board, console)
    else:
        _plain(board, lambda text: print(text, file=sys.stderr, flush=True))


def _live(board: Board, console: Console) -> None:
    shown = 0
    with Live(console=console, auto_refresh=False) as live:
        while True:
            over = board.over
            for note in board.notes[shown:]:
                live.console.print(Text(note, style="red"))
            shown = len(board.notes)
            live.update(_view(board), refresh=True)
            if over:
                return
            _sleep(board, _REFRESH)


def _plain(board: Board, say: Callable[[str], None]) -> None:
    shown, due = 0, 0.0
    while True:
        over = board.over
        for note in board.notes[shown:]:
            say(note)
        shown = len(board.notes)
        if over or board.seconds >= due:
            say(_headline(board))
            due = board.seconds + _PLAIN
        if over:
            return
        _sleep(board, _PLAIN)


def _sleep(board: Board, seconds: float) -> None:
    """Sleep, but not past the end."""
    end = board.seconds + seconds
    while not board.over and board.seconds < end:
        gevent.sleep(0.05)


def _headline(board: Board) -> str:
    counts = board.counts
    said = [f"{board.title}: {board.ended} of {board.total} tasks"]
    said += [
        f"{counts[state]} {state}"
        for state in (State.RUNNING, State.FAILED, State.HELD, State.CANCELLED)
        if counts[state]
    ]
    if "objects" in board.collected:
        rate = board.collected["objects"] / max(board.seconds, 1e-9)
        said.append(f"{board.collected['objects']:,} objects, {rate:,.0f}/s")
    said.append(clock(board.seconds))
    if not board.over and (left := board.remaining()) is not None:
        said.append(f"{clock(left)} to go")
    return ", ".join(said)


def _view(board: Board) -> RenderableType:
    table = Table(box=None, padding=(0, 1), show_header=False)
    for name, line in board.workers.items():
        table.add_row(name, _state(line), _slots(line), f"{line.done} done", _tasks(board, line))
    bar = ProgressBar(total=1.0, completed=board.fraction(), width=60)
    parts: list[RenderableType] = [bar, Text(_headline(board))]
    if board.ending:
        parts.append(Text(board.ending, style="yellow"))
    return Group(*parts, table)


def _state(line: Line) -> Text:
    colour = {"up": "green", "connecting": "yellow"}.get(line.state, "red")
    return Text(line.state, style=colour)


def _slots(line: Line) -> Text:
    busy = min(len(line.running), line.slots)
    if line.slots > 32:
        return Text(f"{busy}/{line.slots}")
    return Text("■" * busy, style="green") + Text("·" * (line.slots - busy), style="dim")


def _tasks(board: Board, line: Line) -> Text:
    said = []
    for task, started in list(line.running.items())[:_TASKS]:
        told = line.progress.get(task)
        part = f" {float(told['done']):.0%}" if isinstance(told, dict) and "done" in told else ""
        said.append(f"{task}{part} {clock(board.started + board.seconds - started)}")
    more = len(line.running) - len(said)
    return Text("  ".join(said) + (f"  and {more} more" if more > 0 else ""), style="dim")


def clock(seconds: float) -> str:
    """A duration for a person: 3.2 s, 4:05, 1:02:03."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(number: float) -> str:
    """Bytes for a person, in powers of 1024."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], total: Sequence[str] | None = None
) -> None:
    """Print a table on standard output; the first column is text, the others are numbers."""
    drawn = Table(title=title, title_justify="left", show_footer=total is not None)
    for position, column in enumerate(columns):
        justify = "left" if position == 0 else "right"
        drawn.add_column(column, justify=justify, footer=total[position] if total else "", overflow="fold")  # type: ignore[arg-type]
    for row in rows:
        drawn.add_row(*row)
    Console(width=None if sys.stdout.isatty() else _WIDTH).print(drawn)
