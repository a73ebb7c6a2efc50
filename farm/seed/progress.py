"""A bar with rate and time left on a terminal, a line every few seconds elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

EVERY = 5.0
"""Seconds between two lines."""

Advance = Callable[[int], None]


@contextmanager
def bar(stream: TextIO, what: str, total: int, unit: str) -> Iterator[Advance]:
    """``with bar(sys.stderr, "SSTables", 4_000_000, "rows") as advance: advance(40_000)``."""
    show = _terminal if stream.isatty() else _lines
    with show(stream, what, total, unit) as advance:
        yield advance


@contextmanager
def _terminal(stream: TextIO, what: str, total: int, unit: str) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(f"{unit},"))
    rate = (TextColumn("{task.fields[rate]:,.0f} a second,"), TimeRemainingColumn(), TextColumn("left"))
    started = time.monotonic()
    with Progress(*columns, *rate, console=Console(file=stream)) as progress:
        task = progress.add_task(what, total=total, rate=0.0)

        def advance(count: int) -> None:
            done = progress.tasks[task].completed + count
            progress.update(task, advance=count, rate=done / (time.monotonic() - started))

        yield advance


@contextmanager
def _lines(stream: TextIO, what: str, total: int, unit: str) -> Iterator[Advance]:
    started = said = time.monotonic()
    done = 0

    def advance(count: int) -> None:
        nonlocal done, said
        done += count
        now = time.monotonic()
        if now - said < EVERY and done < total:
            return
        said = now
        rate = done / max(now - started, 1e-3)
        left = f"{(total - done) / rate:.0f} s left"
        stream.write(f"{what}: {done:,} of {total:,} {unit}, {rate:,.0f} a second, {left}\n")
        stream.flush()

    yield advance
