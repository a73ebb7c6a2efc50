"""``farm upgrade``."""

import json
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command()(upgrade)


def upgrade(
    inventory: Annotated[str, typer.Option("--inventory", "-i", help="Name under inventory/, or a path.")] = "lab",
    serial: Annotated[int | None, typer.Option(min=1, help="Hosts at a time after the canary; else a quarter.")] = None,
    canary: Annotated[str | None, typer.Option(metavar="HOST", help="The worker that goes first.")] = None,
    accept_drift: Annotated[bool, typer.Option("--accept-drift", help="Whatever the new code changes.")] = False,
    skip_down: Annotated[bool, typer.Option("--skip-down", help="Leave out hosts that are down.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="What was done, as JSON.")] = False,
) -> None:
    """Bring the code as it stands here to all workers, pipeline hosts and the loader; any failure takes all back.

    Runs that are on their way end with the release that they began with.
    """
    from farm import upgrade as driver
    from farm.errors import Exit
    from farm.inventory import load

    record = driver.upgrade(load(inventory), driver.How(serial, canary, accept_drift, skip_down))
    typer.echo(json.dumps(record) if as_json else "\n".join(driver.lines(record)))
    raise typer.Exit(Exit.UNREACHABLE if record["left_out"] else Exit.OK)
