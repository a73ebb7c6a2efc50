"""How every program of the toolkit ends: one sentence for what a user can act on, and an exit code that means it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from farm.errors import Exit, FarmError


@contextmanager
def ending(program: str, interrupted: str = "interrupted") -> Iterator[None]:
    """End ``program`` for an error or an interrupt; a traceback only with FARM_DEBUG=1, and for a bug."""
    try:
        yield
    except FarmError as error:
        if os.environ.get("FARM_DEBUG"):
            raise
        sys.stderr.write(f"{program}: {error}\n")
        sys.exit(error.exit)
    except KeyboardInterrupt:
        sys.stderr.write(f"{program}: {interrupted}\n")
        sys.exit(Exit.INTERRUPTED)
