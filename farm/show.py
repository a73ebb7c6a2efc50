"""What a person sees: the run as it goes, on standard error, and tables of what it came to, on standard output."""

import sys
from collections.abc import Callable, Iterable, Sequence

import gevent
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.measure import Measurement
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from farm.board import Board, Line
from farm.events import State

_REFRESH = 0.25
_PLAIN = (5.0, 60.0)
"""Seconds between lines where there is no terminal: at first, and when the run has gone on for 20 minutes."""
_WIDTH = 120
"""Columns where there is no terminal."""
_ENDLESS = 10_000
_TASKS = 6
"""Running tasks named in a worker's line."""
_BLOCKS = 16
"""Slots drawn one by one."""


def watch(board: Board) -> None:
    """Show the run until ``board.over``: a living view on a terminal, a line now and then elsewhere."""
    console = Console(stderr=True)
    if console.is_terminal and not console.is_dumb_terminal:
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
            live.update(_view(board, console.size.width, console.size.height), refresh=True)
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
            say(f"{board.title}: {headline(board)}")
            due = board.seconds + min(max(_PLAIN[0], board.seconds / 20), _PLAIN[1])
        if over:
            return
        _sleep(board, _PLAIN[0])


def _sleep(board: Board, seconds: float) -> None:
    """Sleep, but not past the end."""
    end = board.seconds + seconds
    while not board.over and board.seconds < end:
        gevent.sleep(0.05)


def headline(board: Board) -> str:
    """The run in one line: what is done, the rate, and the time that has passed and that is left."""
    counts = board.counts
    said = [f"{board.ended:,} of {board.total:,} tasks"]
    said += [
        f"{counts[state]:,} {state}"
        for state in (State.RUNNING, State.FAILED, State.HELD, State.CANCELLED)
        if counts[state]
    ]
    if "objects" in board.collected:
        rate = board.collected["objects"] / max(board.seconds + board.earlier, 1e-9)
        said.append(f"{board.collected['objects']:,} objects, {rate:,.0f}/s")
    elif board.ended > board.before and board.seconds > 0:
        rate = (board.ended - board.before) / board.seconds
        said.append(f"{rate:,.1f}/s" if rate >= 0.1 else f"{60 * rate:.1f}/min")
    said.append(clock(board.seconds + board.earlier))
    if not board.over and (left := board.remaining()) is not None:
        said.append(f"{clock(left)} to go")
    return ", ".join(said)


def _view(board: Board, width: int, height: int) -> RenderableType:
    """The title, a bar, the headline, and as many workers as there is room for, those in trouble first."""
    done = board.fraction()
    bar = Table.grid(padding=(0, 1))
    bar.add_row(ProgressBar(total=1.0, completed=done, width=max(10, min(60, width - 8))), f"{done:.0%}")
    parts: list[RenderableType] = [Text(board.title, style="bold"), bar, Text(headline(board))]
    if board.ending:
        parts.append(Text(board.ending, style="yellow"))
    workers = sorted(board.workers.items(), key=lambda item: item[1].state == "up")
    room = max(1, height - len(parts) - 3)
    cells = [_cells(name, line, width) for name, line in workers[:room]]
    widths = [max(cell.cell_len for cell in column) for column in zip(*cells, strict=True)]
    for row, (_, line) in zip(cells, workers, strict=False):
        for cell, wide in zip(row, widths, strict=True):
            cell.pad_right(wide + 2 - cell.cell_len)
        parts.append(Text.assemble(*row, _tasks(board, line), no_wrap=True, overflow="ellipsis"))
    if len(workers) > room:
        parts.append(Text(f"and {len(workers) - room} more workers", style="dim"))
    return Group(*parts)


def _cells(name: str, line: Line, width: int) -> list[Text]:
    failed = f", {line.failed} failed" if line.failed else ""
    return [Text(name), _state(line), _slots(line, width), Text(f"{line.done} done{failed}")]


def _state(line: Line) -> Text:
    colour = {"up": "green", "connecting": "yellow"}.get(line.state, "red")
    return Text(line.state, style=colour)


def _slots(line: Line, width: int) -> Text:
    busy = min(len(line.running), line.slots)
    if line.slots > _BLOCKS or width < 60:
        return Text(f"{busy}/{line.slots}")
    return Text("■" * busy, style="green") + Text("·" * (line.slots - busy), style="dim")


def _tasks(board: Board, line: Line) -> Text:
    """What each slot does; why, for a worker that cannot be reached."""
    if line.trouble and line.state != "up":
        return Text(line.trouble, style="red")
    said = []
    for task, started in list(line.running.items())[:_TASKS]:
        told = line.progress.get(task)
        part = f" {float(told['done']):.0%}" if isinstance(told, dict) and "done" in told else ""
        said.append(f"{task}{part} {clock(board.started + board.seconds - started)}")
    more = len(line.running) - len(said)
    if more > 0:
        said.append(f"and {more} more")
    if line.waiting:
        said.append(f"{len(line.waiting)} wait for slots that other runs have")
    return Text("  ".join(said), style="dim")


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
    """Print a table on standard output; the first column is text, the others are numbers.

    Where it would have to break words, rows come one below the other, a line a value.
    """
    rows = list(rows)
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    drawn = Table(title=title, title_justify="left", show_footer=total is not None)
    for position, column in enumerate(columns):
        justify = "left" if position == 0 else "right"
        drawn.add_column(column, justify=justify, footer=total[position] if total else "", overflow="fold")  # type: ignore[arg-type]
    for row in rows:
        drawn.add_row(*row)
    if Measurement.get(console, console.options.update(width=_ENDLESS), drawn).minimum <= console.width:
        console.print(drawn)
        return
    records = [title]
    for row in (*rows, *([total] if total else [])):
        records += [
            "",
            *(f"{name}: {value}" if name else value for name, value in zip(columns, row, strict=True) if value),
        ]
    console.print(Text("\n".join(records)), overflow="fold")
