"""`farm lab seed`: light curves into the lab's Cassandra."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from farm.cli.lab import lab_app
from features import DEFAULT, SURVEYS


def register(_app: typer.Typer) -> None:
    lab_app.command()(seed)


def seed(
    paths: Annotated[
        list[Path] | None,
        typer.Option(
            "--from",
            help="Parquet file of detections, Avro file of alert packets, or a folder of them; a Parquet file named as"
            " a table of the survey has its rows. Can be repeated.",
        ),
    ] = None,
    objects: Annotated[int | None, typer.Option(help="Simulate so many objects.")] = None,
    survey: Annotated[str, typer.Option(help=f"Whose light curves: {', '.join(SURVEYS)}.")] = DEFAULT,
    all_tables: Annotated[
        bool, typer.Option("--all-tables", help="Simulate the tables too that no feature reads.")
    ] = False,
    rows_per_object: Annotated[float, typer.Option(help="Mean number of simulated detections.")] = 31.25,
    seed: Annotated[int, typer.Option(help="Of the simulation: the same one gives the same light curves.")] = 1,
    replace: Annotated[bool, typer.Option("--replace", help="Take away the rows that the table holds.")] = False,
    append: Annotated[bool, typer.Option("--append", help="Add to the rows that the table holds.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Fill Cassandra's tables of light curves, from files or with simulated ones; filled tables are refused."""
    from farm.seed import driver

    if survey not in SURVEYS:
        raise typer.BadParameter(f"--survey is one of {', '.join(SURVEYS)}")
    if (not paths) == (objects is None):
        raise typer.BadParameter("say either --from PATH or --objects N")
    if replace and append:
        raise typer.BadParameter("--replace and --append exclude each other")
    if paths:
        source = driver.from_files(paths, survey)
    else:
        assert objects is not None
        source = driver.simulated(objects, rows_per_object, seed, survey, all_tables=all_tables)
    done = driver.seed(source, "replace" if replace else "append" if append else "refuse")
    if as_json:
        typer.echo(json.dumps({"schema": 1, **dataclasses.asdict(done)}))
    else:
        typer.echo(f"{done.rows:,} rows of {done.objects:,} objects in {done.seconds:.1f} s, from {done.source}")
