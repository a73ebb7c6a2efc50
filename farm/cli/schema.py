"""``farm schema``: table objects beside the declarations of the features."""

import json
from pathlib import Path
from typing import Annotated

import typer

schema = typer.Typer(no_args_is_help=True, help="Bring table objects to the declarations of the features.")
Environment = Annotated[str, typer.Option("--inventory", "-i", help="Name under inventory/, or a path.")]


def register(app: typer.Typer) -> None:
    app.add_typer(schema, name="schema")


@schema.command()
def diff(
    inventory: Environment = "lab", as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False
) -> None:
    """Compare the table at each Galera node with the declarations; exit code 23 where it differs, 15 if one is away."""
    import features
    from farm.galera import read_account, require_client
    from farm.inventory import load
    from farm.schema import found, show
    from farm.schema.plan import plan

    environment = load(inventory)
    require_client()
    there = found.cluster(read_account(environment.home.secret("galera_reader.cnf")))
    plans = {address: plan(features.survey(environment.survey), table) for address, table in there.tables.items()}
    said = show.as_json(environment.env, there, plans)
    typer.echo(json.dumps(said) if as_json else "\n".join(show.lines(there, plans)))
    raise typer.Exit(show.exit_code(there, plans))


@schema.command()
def migrate(
    option_file: Annotated[Path, typer.Option(help="MySQL option file of farm_owner, mode 0600.")],
    inventory: Environment = "lab",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the SQL and change nothing.")] = False,
    allow_stall: Annotated[
        bool, typer.Option("--allow-stall", help="Also make changes that stop every node while they run.")
    ] = False,
    rolling: Annotated[
        bool, typer.Option("--rolling", help="Make additions that would stop the cluster node by node.")
    ] = False,
    drop_column: Annotated[
        list[str] | None, typer.Option(help="Drop this column, which is not declared, and its values.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="What was changed, as JSON.")] = False,
) -> None:
    """Add, change and index columns as they are declared; what would stop the cluster is refused.

    Example: farm schema migrate --option-file owner.cnf --dry-run
    """
    import features
    from farm.galera import read_account, require_client
    from farm.inventory import load
    from farm.schema import show
    from farm.schema.migrate import How, prepare
    from farm.schema.migrate import migrate as driver

    if allow_stall and rolling:
        raise typer.BadParameter("--allow-stall and --rolling exclude each other")
    environment = load(inventory)
    require_client()
    survey, account = features.survey(environment.survey), read_account(option_file)
    how = How(allow_stall, rolling, tuple(drop_column or ()))
    todo = prepare(survey, account, how)
    if not dry_run:
        driver(survey, account, how, todo)
    said = show.migration(environment.env, todo.statements, todo.refused, made=not dry_run)
    typer.echo(json.dumps(said) if as_json else "\n".join(show.migration_lines(said)))
