"""``farm resume`` and ``farm retry``."""

import json
from typing import Annotated

import typer

Run = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, a unique prefix of it, or last.")]
From = Annotated[str, typer.Option("--inventory", "-i", help="Name under inventory/, or a path.")]
Detach = Annotated[bool, typer.Option("--detach", help="Print the run's id, and leave it to itself.")]
Slots = Annotated[int | None, typer.Option(min=1, help="Tasks at a time on each worker; else as before.")]
Limit = Annotated[str | None, typer.Option(help="These workers only: names with commas.")]
AsJson = Annotated[bool, typer.Option("--json", help="The summary as JSON.")]


def register(app: typer.Typer) -> None:
    app.command()(resume)
    app.command()(retry)


def resume(
    run: Run = "last",
    inventory: From = "lab",
    slots: Slots = None,
    limit: Limit = None,
    detach: Detach = False,
    as_json: AsJson = False,
) -> None:
    """Go on with a run that was interrupted, or whose head died."""
    _go_on(run, inventory, slots, limit, detach, as_json, forgive=False)


def retry(
    run: Run = "last",
    inventory: From = "lab",
    slots: Slots = None,
    limit: Limit = None,
    detach: Detach = False,
    as_json: AsJson = False,
) -> None:
    """Go on with a run, its held tasks too."""
    _go_on(run, inventory, slots, limit, detach, as_json, forgive=True)


def _go_on(
    run: str, inventory: str, slots: int | None, limit: str | None, detach: bool, as_json: bool, forgive: bool
) -> None:
    if detach:
        from farm.detached import detach as leave

        leave(as_json=as_json)

    from farm import report
    from farm import resume as driver
    from farm.inventory import load
    from farm.transport.ssh import SshTransport

    environment = load(inventory)
    transport = SshTransport(environment.home.known_hosts)
    summary = driver.resume(environment, transport, run, slots=slots, limit=limit, forgive=forgive)
    if as_json:
        typer.echo(json.dumps(summary.as_json()))
    else:
        report.run(summary)
    raise typer.Exit(summary.exit)
