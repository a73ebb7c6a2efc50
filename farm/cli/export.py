"""``farm export``."""

import json
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command()(export)


def export(
    out: Annotated[Path, typer.Option(help="The Parquet file to write.")],
    inventory: Annotated[str, typer.Option("--inventory", "-i", help="Name under inventory/, or a path.")] = "lab",
    as_json: Annotated[bool, typer.Option("--json", help="What was written, as JSON.")] = False,
) -> None:
    """Write table objects to a Parquet file, each column at its SQL type."""
    from farm import export as driver
    from farm.galera import read_account
    from farm.inventory import load

    account = read_account(load(inventory).home.secret("galera_reader.cnf"))
    done = driver.export(account, out)
    typer.echo(
        json.dumps(done.as_json())
        if as_json
        else f"{done.rows:,} rows x {len(done.columns)} columns from {done.node} written to {done.out}"
    )
