"""How a program ends: its exit code, and one sentence for what a user can act on."""

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from features.errors import GoldenError, InputError

CLOSED = 141
"""Exit code where whoever read the output has closed the pipe: 128 + SIGPIPE."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What a file system, or a terminal that is gone, answers where nothing can be written any more."""


def ended(run: Callable[[], None]) -> int:
    """Run it; returns the exit code."""
    try:
        with whole_output():
            run()
    except (InputError, GoldenError) as error:
        with suppress(OSError):  # standard error may lead where the output does
            sys.stderr.write(f"{error}\n")
        return error.exit
    except BrokenPipeError:
        return CLOSED
    return 0


@contextmanager
def whole_output() -> Iterator[None]:
    """Write out what is buffered, also at SystemExit, while somebody can still answer for it.

    Raises BrokenPipeError where whoever read it has closed the pipe, InputError where it is closed or cannot be
    written, as to a full disk.
    """
    if sys.stdout is None:
        raise InputError("standard output is closed: lead it to a terminal or a file, or to /dev/null")
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.errno != errno.EPIPE and error.errno not in FULL:
            raise
        discard()
        if error.errno == errno.EPIPE:
            raise
        place = error.filename or "the output"
        raise InputError(f"{place} cannot be written ({error.strerror}): make room there, or write elsewhere") from None


def discard() -> None:
    """Lead standard output nowhere, for the interpreter flushes it once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
