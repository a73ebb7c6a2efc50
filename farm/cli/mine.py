"""``farm mine``."""

import json
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from farm.cli.rebuild import days_or_all
from features import SURVEYS


def register(app: typer.Typer) -> None:
    app.command()(mine)


def _script(text: str) -> tuple[Path, str]:
    path, colon, function = text.rpartition(":")
    if not colon or not function.isidentifier() or not path:
        raise typer.BadParameter(f"{text!r} is not script.py:function")
    return Path(path), function


def _sample(text: str | None, dry_run: bool) -> tuple[float, int | None]:
    """The part of the ring, and how many objects to try."""
    if text is None:
        return 1.0, None
    if match := re.fullmatch(r"(\d+\.?\d*|\.\d+)%", text):
        if not 0 < float(match[1]) <= 100:
            raise typer.BadParameter(f"{text} is no part: write 1%")
        return float(match[1]) / 100, None
    if text.isdecimal() and int(text) and dry_run:
        return 1.0, int(text)
    raise typer.BadParameter(f"{text!r}: write a part of all objects, as 1%, or with --dry-run a number of them")


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+)([MG])", text)
    if not match:
        raise typer.BadParameter(f"{text!r} is no size: write 500M or 2G")
    return int(match[1]) << {"M": 20, "G": 30}[match[2]]


def mine(
    script: Annotated[str, typer.Argument(metavar="SCRIPT.py:FUNCTION", help="A function marked by features.mining.")],
    inventory: Annotated[str, typer.Option("--inventory", "-i", help="Name under inventory/, or a path.")] = "lab",
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="The dataset; must not be there yet.")] = None,
    survey: Annotated[
        str | None, typer.Option(help="Whose light curves, where they are not those of the environment's farm_survey.")
    ] = None,
    window: Annotated[str | None, typer.Option(metavar="DAYS|all", help="What to use of each light curve.")] = None,
    objects: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Only the objects that this file names, one a line.")
    ] = None,
    where: Annotated[
        str | None, typer.Option(metavar="SQL", help="Only objects whose row in table objects meets this condition.")
    ] = None,
    sample: Annotated[
        str | None, typer.Option(metavar="P%|N", help="Part of all objects, always the same; a number to try.")
    ] = None,
    with_: Annotated[
        list[str] | None, typer.Option("--with", metavar="PACKAGE", help="A package that the script imports.")
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="CSV, not Parquet.")] = False,
    single_file: Annotated[bool, typer.Option("--single-file", help="One file at DIR, not a folder of parts.")] = False,
    max_errors: Annotated[int, typer.Option(min=0, help="Objects that the function may fail for.")] = 1000,
    max_seconds: Annotated[float, typer.Option(min=0.1, help="For one light curve, or one batch.")] = 60.0,
    max_memory: Annotated[str, typer.Option(metavar="500M|2G", help="That the function may take.")] = "1G",
    ranges: Annotated[int | None, typer.Option(min=1, help="Pieces to cut the ring of tokens into.")] = None,
    max_rows_per_second: Annotated[
        int | None, typer.Option(min=1, help="What all workers together may ask of Cassandra.")
    ] = None,
    slots: Annotated[int | None, typer.Option(min=1, help="Tasks at a time on each worker.")] = None,
    limit: Annotated[str | None, typer.Option(help="These workers only: names with commas.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Try it on a few objects and estimate the whole.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Print the run's id, and leave it to itself.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The estimate or summary as JSON.")] = False,
) -> None:
    """Run a function of yours over the light curves of all objects, or some, and collect what it yields."""
    path, function = _script(script)
    days = days_or_all(window)
    part, first = _sample(sample, dry_run)
    memory = _bytes(max_memory)
    if sum(each is not None for each in (objects, where)) + (part < 1) > 1:
        raise typer.BadParameter("--objects, --where and --sample P% exclude each other")
    if survey is not None and survey not in SURVEYS:
        raise typer.BadParameter(f"--survey is one of {', '.join(SURVEYS)}")
    if out is None and not dry_run:
        raise typer.BadParameter("--out is needed: where the dataset is to stand")

    if detach and not dry_run:
        from farm.detached import detach as leave

        leave(as_json=as_json)

    from farm import inventory as inventories
    from farm import objects as named
    from farm.mining import dataset, report, trial
    from farm.mining import run as driver
    from farm.transport.ssh import SshTransport
    from features.mining.job import Limits

    if out is not None:
        dataset.require_free(out)
    environment = inventories.load(inventory)
    environment = environment.of(survey or environment.survey)
    transport = SshTransport(environment.home.known_hosts)
    asked = driver.Asked(
        script=path,
        function=function,
        window=days,
        objects=named.of(environment, objects, where),
        part=part,
        packages=tuple(with_ or ()),
        kind="csv" if csv else "parquet",
        limits=Limits(max_seconds, memory, max_errors),
        ranges=ranges,
        rate=max_rows_per_second,
        slots=slots,
        limit=limit,
    )
    prepared = driver.prepare(environment, transport, asked, first or trial.FIRST)
    if dry_run or out is None:
        report.trial(prepared) if not as_json else typer.echo(json.dumps(prepared.as_json()))
        return
    summary = driver.mine(environment, transport, prepared, out, single=single_file)
    told: dict[str, Any] | None = driver.told_of(environment.env, summary.run)
    if as_json:
        typer.echo(json.dumps({**summary.as_json(), "dataset": told}))
    else:
        report.mined(summary, told, out)
    raise typer.Exit(summary.exit)
