"""`farm lab seed`: light curves into the lab's Cassandra."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from farm.cli.lab import lab_app


def register(_app: typer.Typer) -> None:
    lab_app.command()(seed)


def seed(
    path: Annotated[
        Path | None,
        typer.Option("--from", help="Parquet file of detections, Avro file of ZTF alert packets, or a folder of them."),
    ] = None,
    objects: Annotated[int | None, typer.Option(help="Simulate so many objects.")] = None,
    rows_per_object: Annotated[float, typer.Option(help="Mean number of simulated detections.")] = 31.25,
    seed: Annotated[int, typer.Option(help="Of the simulation: the same one gives the same light curves.")] = 1,
    replace: Annotated[bool, typer.Option("--replace", help="Take away the rows that the table holds.")] = False,
    append: Annotated[bool, typer.Option("--append", help="Add to the rows that the table holds.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Fill Cassandra's table of detections, from files or with simulated light curves; a filled table is refused."""
    from farm.seed import driver

    if (path is None) == (objects is None):
        raise typer.BadParameter("say either --from PATH or --objects N")
    if replace and append:
        raise typer.BadParameter("--replace and --append exclude each other")
    if path is not None:
        source = driver.from_files(path)
    else:
        assert objects is not None
        source = driver.simulated(objects, rows_per_object, seed)
    done = driver.seed(source, "replace" if replace else "append" if append else "refuse")
    if as_json:
        typer.echo(json.dumps({"schema": 1, **dataclasses.asdict(done)}))
    else:
        typer.echo(f"{done.rows:,} rows of {done.objects:,} objects in {done.seconds:.1f} s, from {done.source}")
