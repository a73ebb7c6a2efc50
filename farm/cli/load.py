"""``farm load``."""

import json
from argparse import ArgumentTypeError
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import typer


class Verify(StrEnum):
    ALL = "all"
    SAMPLE = "sample"


def register(app: typer.Typer) -> None:
    app.command()(load)


def load(
    run: Annotated[str, typer.Argument(help="Id of a run of farm rebuild, a unique prefix of it, or last.")],
    inventory: Annotated[str, typer.Option("--inventory", "-i", help="Name under inventory/, or a path.")] = "lab",
    as_json: Annotated[bool, typer.Option("--json", help="The summary as JSON.")] = False,
    max_changed: Annotated[
        list[str] | None,
        typer.Option(help="Share of rows in which a feature may move: 0.3, or FEATURE=0.3 for one. Default 0.1."),
    ] = None,
    max_new_nulls: Annotated[
        list[str] | None, typer.Option(help="Share of rows in which a feature may become NULL. Default 0.01.")
    ] = None,
    columns: Annotated[
        list[str], typer.Option(metavar="A,B", help="Load these columns only, and only into rows that are there.")
    ] = [],  # noqa: B006 - typer's way
    keep_not_null: Annotated[
        list[str], typer.Option(metavar="A,B", help="Keep the old value where the new one is NULL.")
    ] = [],  # noqa: B006
    max_rate: Annotated[str | None, typer.Option(metavar="ROWS", help="Rows a second, at most.")] = None,
    verify: Annotated[Verify, typer.Option(help="Read back every row, or a sample.")] = Verify.ALL,
    undo: Annotated[bool, typer.Option("--undo", help="Put back what loads of this run changed.")] = False,
) -> None:
    """Load a run into Galera, and read every row back from two other nodes. Interrupted, it goes on when run again."""
    from farm import loading
    from farm.diff.gates import limits
    from farm.inventory import load as read
    from farm.load.options import ALONE, Options, rate, together
    from farm.load.summary import exit_code
    from farm.transport.ssh import SshTransport

    given = limits(max_changed or (), max_new_nulls or ())
    options = Options(
        _parsed("--columns", together, columns),
        _parsed("--keep-not-null", together, keep_not_null),
        None if max_rate is None else _parsed("--max-rate", rate, max_rate),
        verify is Verify.SAMPLE,
    )
    if undo and (options != Options() or max_changed or max_new_nulls):
        raise typer.BadParameter(f"--undo {ALONE}")
    environment = read(inventory)
    transport = SshTransport(environment.home.known_hosts)
    if undo:
        said = loading.undo(environment, run, transport)
    else:
        said = loading.load(environment, run, transport, given, options)
    typer.echo(json.dumps(said) if as_json else "\n".join(loading.told(environment, said)))
    raise typer.Exit(exit_code(said))


def _parsed(option: str, parse: Callable[[Any], Any], given: Any) -> Any:
    """As csv_to_database takes it."""
    try:
        return parse(given)
    except ArgumentTypeError as error:
        raise typer.BadParameter(f"{option}: {error}") from None
