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
    max_changed: Annotated[
        list[str] | None,
        typer.Option(help="Share of rows in which a feature may move: 0.3, or magrmean=0.3 for one. Default 0.1."),
    ] = None,
    max_new_nulls: Annotated[
        list[str] | None, typer.Option(help="Share of rows in which a feature may become NULL. Default 0.01.")
    ] = None,
) -> None:
    """Load a run into Galera, and read every row back from another node."""
    from farm import loading
    from farm.diff.gates import limits
    from farm.inventory import load as read
    from farm.load.summary import exit_code, lines
    from farm.transport.ssh import SshTransport

    given = limits(max_changed or (), max_new_nulls or ())
    environment = read(inventory)
    said = loading.load(environment, run, SshTransport(environment.home.known_hosts), given)
    typer.echo(json.dumps(said) if as_json else "\n".join(lines(said)))
    raise typer.Exit(exit_code(said))
