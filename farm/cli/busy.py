"""``farm busy``."""

import json
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command()(busy)


def busy(
    inventory: Annotated[str, typer.Option("--inventory", "-i", help="Name under inventory/, or a path.")] = "lab",
    tasks: Annotated[int, typer.Option(min=1, help="How many.")] = 32,
    seconds: Annotated[float, typer.Option(min=0, help="How long each computes.")] = 2.0,
    slots: Annotated[int | None, typer.Option(min=1, help="Tasks at a time on each worker.")] = None,
    limit: Annotated[str | None, typer.Option(help="These workers only: names with commas.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The summary as JSON.")] = False,
) -> None:
    """The prototype: keep all workers busy with tasks that only compute."""
    from farm import busy as driver
    from farm import report
    from farm.inventory import load
    from farm.transport.ssh import SshTransport

    environment = load(inventory)
    transport = SshTransport(environment.home.known_hosts)
    summary = driver.busy(environment, transport, tasks=tasks, seconds=seconds, slots=slots, limit=limit)
    if as_json:
        typer.echo(json.dumps(summary.as_json()))
    else:
        report.tasks(summary)
    raise typer.Exit(summary.exit)
