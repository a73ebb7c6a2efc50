"""``farm run``."""

import json
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command()(run)


def run(
    command: Annotated[
        list[str],
        typer.Argument(
            metavar="TASKS",
            help="A file with one command a line, or JSON lines; or -. With --over-ranges: the command.",
        ),
    ],
    inventory: Annotated[str, typer.Option("--inventory", "-i", help="Name under inventory/, or a path.")] = "lab",
    over_ranges: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Run one command, after --, for N ranges of tokens: {low}, {high}."),
    ] = None,
    slots: Annotated[int | None, typer.Option(min=1, help="Tasks at a time on each worker.")] = None,
    retries: Annotated[int, typer.Option(min=0, help="Further tries of a task that fails.")] = 2,
    timeout: Annotated[
        str | None, typer.Option(help="For each attempt: 90s, 10m, 2h, or 300% of the median of the tasks done.")
    ] = None,
    halt: Annotated[
        str | None, typer.Option(help="soon,fail=5: start no more once 5 tasks failed. now,fail=10%: and kill.")
    ] = None,
    fetch: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Bring these files of $FARM_OUT here.")
    ] = None,
    limit: Annotated[str | None, typer.Option(help="These workers only: names with commas.")] = None,
    exclude: Annotated[str | None, typer.Option(help="Without these workers: names with commas.")] = None,
    shuffle: Annotated[bool, typer.Option("--shuffle", help="In random order.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the tasks and do nothing.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Print the run's id, and leave it to itself.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The tasks or summary as JSON.")] = False,
) -> None:
    """Run command lines on all workers; each has $FARM_TASK, $FARM_SLOT and a folder $FARM_OUT for its output."""
    if over_ranges is None and len(command) != 1:
        raise typer.BadParameter("one file of tasks; with --over-ranges N the command follows: -- COMMAND {low} {high}")
    if detach and not dry_run:
        from farm.detached import detach as leave

        leave(as_json=as_json)

    from farm import tasks as reader
    from farm.scheduler import halt as halting
    from farm.scheduler import pace

    relative = timeout is not None and timeout.endswith("%")
    try:
        limit_seconds = reader.seconds(timeout) if timeout and not relative else None
        limit_percent = pace.percent(timeout) if timeout and relative else None
        ending = halting.parse(halt) if halt else None
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if over_ranges is None:
        todo = reader.read(command[0], limit_seconds)
    else:
        todo = reader.over_ranges(command, over_ranges, limit_seconds)
    if dry_run:
        if as_json:
            told = [
                {"id": each.id, "command": each.command, "timeout": each.timeout, **(each.detail or {})}
                for each in todo
            ]
            typer.echo(json.dumps({"schema": 1, "tasks": told}))
        else:
            typer.echo("\n".join(f"{each.id}  {each.command}" for each in todo))
        return

    from concurrent.futures import ThreadPoolExecutor

    from farm.inventory import load

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(load, inventory)  # Ansible takes a while, in which this side gets ready
        from farm import commands, report
        from farm.transport.ssh import SshTransport
    environment = asked.result()
    summary = commands.run(
        environment,
        SshTransport(environment.home.known_hosts),
        todo,
        slots=slots,
        limit=limit,
        exclude=exclude,
        tries=retries + 1,
        fetch=fetch or (),
        shuffle=shuffle,
        halt=ending,
        timeout_percent=limit_percent,
    )
    if as_json:
        typer.echo(json.dumps(summary.as_json()))
    else:
        report.run(summary)
    raise typer.Exit(summary.exit)
