"""``farm events`` and ``farm metrics``: a run for other programs to follow."""

import json
from pathlib import Path
from typing import Annotated

import typer

from farm.environment import Environment

Run = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, a unique prefix of it, or last.")]


def register(app: typer.Typer) -> None:
    app.command()(events)
    app.command()(metrics)


def events(
    run: Run = "last",
    inventory: Environment = "lab",
    after: Annotated[int, typer.Option(min=0, metavar="N", help="Go on after the event of this number.")] = 0,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for more until its head leaves it.")] = False,
) -> None:
    """What happened in a run, an event a line as JSON, in the order of the journal, with numbers that stay."""
    from farm import stream
    from farm.runs import find

    for event in stream.events(find(inventory, run), after, follow=follow):
        typer.echo(json.dumps(event))


def metrics(
    run: Run = "last",
    inventory: Environment = "lab",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it there, whole, for node_exporter's textfile collector.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Every 5 s until its head leaves the run.")] = False,
) -> None:
    """The state of a run in Prometheus's text format."""
    if follow and out is None:
        raise typer.BadParameter("--follow needs --out FILE")

    from farm import metrics as driver
    from farm.runs import find

    found = find(inventory, run)
    if out is None:
        typer.echo(driver.text(found), nl=False)
    else:
        driver.write(found, out, follow=follow)
