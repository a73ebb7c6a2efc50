"""``farm rebuild``."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer


def register(app: typer.Typer) -> None:
    app.command()(rebuild)


def days_or_all(text: str | None) -> int | Literal["all"] | None:
    if text is None or text == "all":
        return "all" if text else None
    if not text.isdecimal() or not int(text):
        raise typer.BadParameter(f"{text!r} is neither a number of days nor 'all'")
    return int(text)


def rebuild(
    inventory: Annotated[str, typer.Option("--inventory", "-i", help="Name under inventory/, or a path.")] = "lab",
    window: Annotated[str | None, typer.Option(metavar="DAYS|all", help="What to use of each light curve.")] = None,
    objects: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Only the objects that this file names, one a line.")
    ] = None,
    where: Annotated[
        str | None, typer.Option(metavar="SQL", help="Only objects whose row in table objects meets this condition.")
    ] = None,
    ranges: Annotated[int | None, typer.Option(min=1, help="Pieces to cut the ring of tokens into.")] = None,
    max_rows_per_second: Annotated[
        int | None, typer.Option(min=1, help="What all workers together may ask of Cassandra.")
    ] = None,
    slots: Annotated[int | None, typer.Option(min=1, help="Tasks at a time on each worker.")] = None,
    limit: Annotated[str | None, typer.Option(help="These workers only: names with commas.")] = None,
    as_lasair: Annotated[bool, typer.Option("--as-lasair", help="With the original's defects, if known.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and do nothing.")] = False,
    load: Annotated[bool, typer.Option("--load", help="Go on to the load.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Print the run's id, and leave it to itself.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The plan or summary as JSON.")] = False,
) -> None:
    """Rebuild every object's features, or those of some objects, from their light curves, on all workers."""
    days = days_or_all(window)
    if sum(each is not None for each in (objects, where, ranges)) > 1:
        raise typer.BadParameter("--objects, --where and --ranges exclude each other")

    if detach and not dry_run:
        from farm.detached import detach as leave

        leave(as_json=as_json)

    from farm import inventory as inventories
    from farm import loading, plan, report
    from farm import objects as named
    from farm import rebuild as driver
    from farm.errors import Exit
    from farm.load.summary import exit_code
    from farm.transport.ssh import SshTransport

    environment = inventories.load(inventory)
    transport = SshTransport(environment.home.known_hosts)
    planned = driver.prepare(
        environment,
        transport,
        window=days,
        ranges=ranges,
        objects=named.of(environment, objects, where),
        rate=max_rows_per_second,
        slots=slots,
        limit=limit,
        as_lasair=as_lasair,
    )
    if dry_run:
        if as_json:
            typer.echo(json.dumps(plan.as_json(planned)))
        else:
            report.plan(planned)
        return
    summary = driver.rebuild(environment, transport, planned)
    if not as_json:
        report.rebuild(summary)
    loaded: dict[str, Any] | None = None
    if load and summary.exit in (Exit.OK, Exit.UNREAD):
        loaded = loading.load(environment, summary.run, transport)
    if as_json:
        typer.echo(json.dumps({**summary.as_json(), "load": loaded}))
    elif loaded:
        typer.echo("\n".join(loading.told(environment, loaded)))
    raise typer.Exit(summary.exit or (exit_code(loaded) if loaded else Exit.OK))
