"""csv_to_database in small chunks, killed at one of the load's points: ``python killed.py POINT ARGUMENTS``.

The points are those of docs/load.md; ``never`` is none.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from farm.load import main, merge, pacing, stage
from farm.load.lock import Lock
from farm.load.place import Ledger

CHUNK = 3
"""Where a point comes with every chunk, the loader dies at this one."""
MOST, GROUP = 200, 500
"""Rows of a chunk, and of files that are staged together."""


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def at(owner: Any, name: str, number: int = 1, before: bool = False) -> None:
    """Die at the ``number``-th call of a function: before it, or when it has returned."""
    original: Callable[..., Any] = getattr(owner, name)
    calls = []

    def replacement(*arguments: Any, **keywords: Any) -> Any:
        calls.append(1)
        if before and len(calls) == number:
            die()
        result = original(*arguments, **keywords)
        if len(calls) == number:
            die()
        return result

    setattr(owner, name, replacement)


POINTS: dict[str, Callable[[], None]] = {
    "never": lambda: None,
    "begun": lambda: at(Lock, "take"),
    "staged": lambda: at(stage, "_stage"),
    "merged": lambda: at(Lock, "step", CHUNK, before=True),
    "prepared": lambda: at(Ledger, "prepare", CHUNK),
    "committed": lambda: at(merge, "_chunk", CHUNK),
    "loaded": lambda: at(merge, "merge"),
    "read back": lambda: at(Ledger, "finish", before=True),
    "finished": lambda: at(Ledger, "finish"),
}

if __name__ == "__main__":
    POINTS[sys.argv.pop(1)]()
    pacing.MOST, stage.GROUP = MOST, GROUP
    main.main()
