"""``farm doctor``."""

import json
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(
    inventory: Annotated[str, typer.Option("--inventory", "-i", help="Name under inventory/, or a path.")] = "lab",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Look for all that could make the next run fail, and say what to do; nothing is changed.

    Ends with 0 where nothing is found, 24 where there are warnings alone, 25 where there is an error.

    Example: farm doctor --inventory prod
    """
    import time

    import features
    from farm.doctor import show
    from farm.doctor.examine import examine
    from farm.doctor.finding import code
    from farm.galera import require_client
    from farm.inventory import load
    from farm.transport.ssh import SshTransport

    environment = load(inventory)
    require_client()
    begun = time.monotonic()
    checks = examine(environment, features.survey(environment.survey), SshTransport(environment.home.known_hosts))
    seconds = time.monotonic() - begun
    if as_json:
        typer.echo(json.dumps(show.as_json(environment.env, checks, seconds)))
    else:
        typer.echo("\n".join(show.lines(environment.env, checks, seconds)))
    raise typer.Exit(code(checks))
