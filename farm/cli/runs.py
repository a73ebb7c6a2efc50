"""``farm runs``, ``farm status`` and ``farm logs``: what the head keeps of runs; no worker is asked."""

import json
from typing import Annotated

import typer

Run = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, a unique prefix of it, or last.")]
Environment = Annotated[str, typer.Option("--inventory", "-i", help="Name of the environment.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


def register(app: typer.Typer) -> None:
    app.command()(runs)
    app.command()(status)
    app.command()(logs)


def runs(inventory: Environment = "lab", as_json: AsJson = False) -> None:
    """List the runs of an environment, oldest first."""
    from farm import report
    from farm.summary import overview

    found = overview(inventory)
    if as_json:
        typer.echo(json.dumps({"schema": 1, "runs": [each.as_json() for each in found]}))
    else:
        report.runs(found)


def status(run: Run = "last", inventory: Environment = "lab", as_json: AsJson = False) -> None:
    """What a run came to, or has come to so far."""
    from farm import report
    from farm.runs import find
    from farm.summary import read

    summary = read(find(inventory, run))
    if as_json:
        typer.echo(json.dumps(summary.as_json()))
    else:
        report.run(summary)


def logs(
    run: Run = "last",
    task: Annotated[str | None, typer.Argument(help="One task; without it, all that failed.")] = None,
    inventory: Environment = "lab",
) -> None:
    """Print the logs of attempts that failed."""
    from farm.runs import find
    from farm.summary import failed_logs

    for name, text in failed_logs(find(inventory, run), task):
        typer.echo(f"== {name}\n{text.rstrip()}")
