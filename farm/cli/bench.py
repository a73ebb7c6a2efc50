"""``farm bench``."""

import json
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command()(bench)


def _numbers(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.strip().isdecimal() and int(part) for part in parts):
        raise typer.BadParameter(f"{text!r} is no list of numbers: write 1,2,4")
    return [int(part) for part in parts]


def bench(
    inventory: Annotated[str, typer.Option("--inventory", "-i", help="Name under inventory/, or a path.")] = "lab",
    workers: Annotated[str, typer.Option(metavar="N,N,...", help="Numbers of workers.")] = "1,2,4",
    processes: Annotated[str, typer.Option(metavar="N,N,...", help="Numbers of processes a worker.")] = "1,2,4,8",
    objects: Annotated[int, typer.Option(min=1, help="How many to rebuild each time.")] = 16_000,
    waiting: Annotated[
        float | None, typer.Option(min=0.1, metavar="SECONDS", help="Tasks that wait so long, and no rebuild.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Write the figures and their plot here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The figures as JSON.")] = False,
) -> None:
    """Measure a rebuild, or tasks that wait, by workers and processes a worker."""
    counts, slots = _numbers(workers), _numbers(processes)

    from farm import bench as driver
    from farm import report
    from farm.figures import plot
    from farm.inventory import load
    from farm.transport.ssh import SshTransport

    environment = load(inventory)
    transport = SshTransport(environment.home.known_hosts)
    wanted = driver.settings(counts, slots)
    if waiting is None:
        measured = driver.rebuilding(environment, transport, wanted, objects)
    else:
        measured = driver.waiting(environment, transport, wanted, waiting)
    text = json.dumps(measured.as_json(), indent=1)
    if out:
        out.mkdir(parents=True, exist_ok=True)
        name = "scaling" if waiting is None else "waiting"
        (out / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        (out / f"{name}.svg").write_text(plot(measured.figures), encoding="utf-8")
    if as_json:
        typer.echo(text)
    else:
        report.bench(measured)
