"""``farm diff``."""

import json
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command()(diff)


def diff(
    run: Annotated[str, typer.Argument(help="Id of a run of farm rebuild, a unique prefix of it, or last.")],
    inventory: Annotated[str, typer.Option("--inventory", "-i", help="Name under inventory/, or a path.")] = "lab",
    as_json: Annotated[bool, typer.Option("--json", help="The comparison as JSON.")] = False,
    worst: Annotated[int, typer.Option(min=0, help="Objects named a feature.")] = 3,
) -> None:
    """Compare a run with table objects: what loading it would change, a feature a line."""
    from farm import loading
    from farm.diff.result import lines
    from farm.diff.run import diff as driver
    from farm.diff.run import keep
    from farm.inventory import load

    environment = load(inventory)
    what = loading.ready(environment.env, run).run
    found = driver(environment, what, worst)
    if not (what.begun.exists() or (what.load / "summary.json").exists()):  # what the table held before its load
        keep(what, found)
    typer.echo(json.dumps(found.as_json()) if as_json else "\n".join(lines(found)))
