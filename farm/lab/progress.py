"""Progress for people: a line for each step with its seconds; on a terminal also the step that is under way."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TextIO

Progress = Callable[[str], AbstractContextManager[None]]
"""``with progress("booting 8 hosts"): ...``"""


def steps(stream: TextIO) -> Progress:
    """Show steps on ``stream``: a spinner while they run where it is a terminal, and a line when each has ended."""
    from rich.console import Console

    console = Console(file=stream, highlight=False)

    @contextmanager
    def step(what: str) -> Iterator[None]:
        started = time.monotonic()
        with console.status(what):
            yield
        console.print(f"{time.monotonic() - started:6.1f} s  {what}", markup=False, soft_wrap=True)

    return step


@contextmanager
def silent(_what: str) -> Iterator[None]:
    """No progress at all."""
    yield
