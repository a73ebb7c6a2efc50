"""How every program of the toolkit ends: one sentence for what a user can act on, and an exit code that means it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from farm.errors import Exit, FarmError


@contextmanager
def ending(program: str, interrupted: str = "interrupted") -> Iterator[None]:
    """End ``program`` for an error or an interrupt; a traceback only with FARM_DEBUG=1, and for a bug.

    Where whoever read its output has closed the pipe, it ends in silence, as what SIGPIPE ends does.
    """
    try:
        with _whole_output():
            yield
    except FarmError as error:
        if os.environ.get("FARM_DEBUG"):
            raise
        sys.stderr.write(f"{program}: {error}\n")
        sys.exit(error.exit)
    except KeyboardInterrupt:
        sys.stderr.write(f"{program}: {interrupted}\n")
        sys.exit(Exit.INTERRUPTED)


@contextmanager
def _whole_output() -> Iterator[None]:
    """Write out what is buffered, also at SystemExit, while somebody can still answer for it."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _close()
    except SystemExit as end:
        if not isinstance(end.__context__, BrokenPipeError):  # click and rich turn it into exit code 1
            raise
        _close()


def _close() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the interpreter flushes once more at its end
    sys.exit(Exit.CLOSED)
