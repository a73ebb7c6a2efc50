"""Entry point of ``farm``: a clear word where only the worker's part of the toolkit is installed."""

import signal
import sys
from types import FrameType

from farm.errors import Exit


def main() -> None:
    signal.signal(signal.SIGINT, _interrupted)
    try:
        import typer as _  # noqa: F401
    except ModuleNotFoundError:
        sys.stderr.write("farm: this host has the workers' part only; on a head install lightcurve-farm[head]\n")
        sys.exit(Exit.SETUP)
    from farm.cli.app import run

    run()


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    """Until a run takes its own interrupts. SystemExit, for gevent prints a traceback of KeyboardInterrupt."""
    sys.stderr.write("farm: interrupted\n")
    sys.exit(Exit.INTERRUPTED)
