"""Entry point of ``farm``: a clear word where only the worker's part of the toolkit is installed."""

import sys

from farm.errors import Exit


def main() -> None:
    try:
        import typer as _  # noqa: F401
    except ModuleNotFoundError:
        sys.stderr.write("farm: this host has the workers' part only; on a head install lightcurve-farm[head]\n")
        sys.exit(Exit.SETUP)
    from farm.cli.app import run

    run()
