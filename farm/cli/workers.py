"""``farm workers``: who is there; and ``farm workers drain | undrain | add``: who works for a running run."""

import json
from typing import Annotated

import typer

from farm.environment import Environment

From = Annotated[str, typer.Option("--inventory", "-i", help="Name under inventory/, or a path.")]
Run = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, a unique prefix of it, or last.")]
Name = Annotated[str, typer.Argument(metavar="HOST", help="A worker of the inventory.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer()
    group.callback(invoke_without_command=True)(workers)
    group.command()(drain)
    group.command()(undrain)
    group.command()(add)
    app.add_typer(group, name="workers")


def workers(context: typer.Context, inventory: From = "lab", as_json: AsJson = False) -> None:
    """Who is there: cores, load, memory, disk, release and slots of each worker, and what is wrong."""
    if context.invoked_subcommand:
        return
    from farm import preflight, report
    from farm.inventory import load
    from farm.transport.ssh import SshTransport

    environment = load(inventory)
    reports = preflight.ask(environment.group("workers"), SshTransport(environment.home.known_hosts))
    if as_json:
        typer.echo(json.dumps(report.workers_json(reports)))
    else:
        report.workers(reports)
    errors = [report.error for report in reports if report.error]
    for error in errors:
        typer.echo(f"farm: {error}", err=True)
    if errors:
        raise typer.Exit(errors[0].exit)
    preflight.agreed_release(reports, environment)


def drain(run: Run, host: Name, inventory: Environment = "lab", as_json: AsJson = False) -> None:
    """Have a running run start nothing more on a worker; what runs there ends."""
    from farm import control

    _tell(control.worker(inventory, run, "drain", host), as_json)


def undrain(run: Run, host: Name, inventory: Environment = "lab", as_json: AsJson = False) -> None:
    """Have a running run use a drained worker again."""
    from farm import control

    _tell(control.worker(inventory, run, "undrain", host), as_json)


def add(
    run: Run,
    host: Name,
    slots: Annotated[int | None, typer.Option(min=1, help="Tasks at a time there.")] = None,
    inventory: From = "lab",
    as_json: AsJson = False,
) -> None:
    """Give a running run another worker, with the release that the run began with."""
    from farm import control
    from farm.inventory import load
    from farm.transport.ssh import SshTransport

    environment = load(inventory)
    transport = SshTransport(environment.home.known_hosts)
    _tell(control.add(environment, transport, run, host, slots), as_json)


def _tell(done: str, as_json: bool) -> None:
    typer.echo(json.dumps({"schema": 1, "done": done}) if as_json else done)
