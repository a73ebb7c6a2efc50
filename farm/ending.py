"""How every program of the toolkit ends: one sentence for what a user can act on, and an exit code that means it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from farm.errors import Exit, FarmError, InputError
from features.ending import discard, whole_output
from features.errors import InputError as CannotWriteError


@contextmanager
def ending(program: str, interrupted: str = "interrupted") -> Iterator[None]:
    """End ``program`` for an error or an interrupt; a traceback only with FARM_DEBUG=1, and for a bug.

    Where whoever read its output has closed the pipe, it ends in silence, as what SIGPIPE ends does; where its output
    cannot be written, as to a full disk, in a sentence.
    """
    try:
        with _whole_output():
            yield
    except FarmError as error:
        if os.environ.get("FARM_DEBUG"):
            raise
        _say(f"{program}: {error}")
        sys.exit(error.exit)
    except KeyboardInterrupt:
        _say(f"{program}: {interrupted}")
        sys.exit(Exit.INTERRUPTED)


def _say(text: str) -> None:
    if sys.stderr is None:  # closed
        return
    with suppress(OSError):  # standard error may lead where the output does
        sys.stderr.write(f"{text}\n")


@contextmanager
def _whole_output() -> Iterator[None]:
    try:
        with whole_output():
            yield
    except CannotWriteError as error:
        raise InputError(str(error)) from None
    except BrokenPipeError:
        sys.exit(Exit.CLOSED)
    except SystemExit as end:
        if not isinstance(end.__context__, BrokenPipeError):  # click and rich turn it into exit code 1
            raise
        discard()
        sys.exit(Exit.CLOSED)
