"""``farm report``."""

import json
from pathlib import Path
from typing import Annotated

import typer

from farm.environment import Environment


def register(app: typer.Typer) -> None:
    app.command()(report)


def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, a unique prefix of it, or last.")] = "last",
    inventory: Environment = "lab",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Where to write it; else RUN.html in this folder.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Where it was written, as JSON.")] = False,
) -> None:
    """A run as one HTML page that needs no network: what ran, when, where, what failed and why, and what came out."""
    from farm.page import render
    from farm.runs import find

    found = find(inventory, run)
    target = out or Path(f"{found.id}.html")
    render.write(found, target)
    size = target.stat().st_size
    told = {"schema": 1, "run": found.id, "out": str(target), "bytes": size}
    typer.echo(json.dumps(told) if as_json else str(target))
