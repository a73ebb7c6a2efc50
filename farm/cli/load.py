"""``farm load``."""

import json
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command()(load)


def load(
    run: Annotated[str, typer.Argument(help="Id of a run of farm rebuild, a unique prefix of it, or last.")],
    inventory: Annotated[str, typer.Option("--inventory", "-i", help="Name under inventory/, or a path.")] = "lab",
    as_json: Annotated[bool, typer.Option("--json", help="The summary as JSON.")] = False,
) -> None:
    """Load a run into Galera, and read every row back from another node."""
    from farm import loading
    from farm.inventory import load as read
    from farm.load.summary import exit_code, lines
    from farm.transport.ssh import SshTransport

    environment = read(inventory)
    said = loading.load(environment, run, SshTransport(environment.home.known_hosts))
    typer.echo(json.dumps(said) if as_json else "\n".join(lines(said)))
    raise typer.Exit(exit_code(said))
