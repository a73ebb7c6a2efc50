"""``farm workers``."""

import json
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command()(workers)


def workers(
    inventory: Annotated[str, typer.Option("--inventory", "-i", help="Name under inventory/, or a path.")] = "lab",
    as_json: Annotated[bool, typer.Option("--json", help="The table as JSON.")] = False,
) -> None:
    """Who is there: cores, load, memory, disk, release and slots of each worker, and what is wrong."""
    from farm import preflight, report
    from farm.inventory import load
    from farm.transport.ssh import SshTransport

    environment = load(inventory)
    reports = preflight.ask(environment.group("workers"), SshTransport(environment.home.known_hosts))
    if as_json:
        typer.echo(json.dumps(report.workers_json(reports)))
    else:
        report.workers(reports)
    errors = [report.error for report in reports if report.error]
    for error in errors:
        typer.echo(f"farm: {error}", err=True)
    if errors:
        raise typer.Exit(errors[0].exit)
    preflight.agreed_release(reports, environment)
