"""``farm runs``, ``farm status``, ``farm logs`` and ``farm prune``: what runs left, and what they do now."""

import json
import sys
from typing import Annotated

import typer

from farm.environment import Environment

Run = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, a unique prefix of it, or last.")]
From = Annotated[str, typer.Option("--inventory", "-i", help="Name under inventory/, or a path.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


def register(app: typer.Typer) -> None:
    app.command()(runs)
    app.command()(status)
    app.command()(logs)
    app.command()(prune)


def runs(inventory: Environment = "lab", as_json: AsJson = False) -> None:
    """List the runs of an environment, oldest first."""
    from farm import report
    from farm.summary import overview

    found = overview(inventory)
    if as_json:
        typer.echo(json.dumps({"schema": 1, "runs": [each.as_json() for each in found]}))
    else:
        report.runs(found)


def status(
    run: Run = "last",
    inventory: Environment = "lab",
    watch: Annotated[bool, typer.Option("--watch", help="Look on until its head leaves it.")] = False,
    tsv: Annotated[bool, typer.Option("--tsv", help="A line an attempt, with tabs between.")] = False,
    as_json: AsJson = False,
) -> None:
    """What a run came to, or has come to so far."""
    if tsv and (watch or as_json):
        raise typer.BadParameter("--tsv stands alone")

    from farm import history, report
    from farm import watch as watcher
    from farm.runs import find
    from farm.summary import read

    found = find(inventory, run)
    if tsv:
        journal = history.History(found.journal)
        sys.stdout.writelines(f"{line}\n" for line in history.tsv(journal.attempts()))
        journal.close()
        return
    if watch:
        watcher.watch(found)
    summary = read(found)
    if as_json:
        typer.echo(json.dumps(summary.as_json()))
    else:
        report.run(summary)


def logs(
    run: Run = "last",
    task: Annotated[str | None, typer.Argument(help="One task; without it, all that failed.")] = None,
    inventory: From = "lab",
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="What the task writes now, until it has ended.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print the logs of attempts that failed, or follow a task that runs."""
    if follow and (task is None or as_json):
        raise typer.BadParameter("--follow takes one TASK, and prints no JSON")

    from farm import logs as driver
    from farm.inventory import known
    from farm.runs import find

    if follow and task:
        from farm.inventory import load
        from farm.transport.ssh import SshTransport

        environment = load(inventory)
        transport = SshTransport(environment.home.known_hosts)
        driver.follow(find(environment.env, run), task, environment, transport, typer.echo)
        return
    found = driver.kept(find(known(inventory), run), task)
    if as_json:
        told = [{"task": each.task, "attempt": each.attempt, "text": each.text} for each in found]
        typer.echo(json.dumps({"schema": 1, "logs": told}))
        return
    for each in found:
        typer.echo(f"== {each.task}.{each.attempt}\n{each.text.rstrip()}")


def prune(
    keep_days: Annotated[float, typer.Option(min=0, metavar="N", help="Leave what ended in the last N days.")],
    inventory: From = "lab",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would go and do nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take away logs, parts and work folders of old runs, on head, workers and loader; their journals stay."""
    from farm import prune as driver
    from farm import report
    from farm.inventory import load
    from farm.transport.ssh import SshTransport

    environment = load(inventory)
    pruned = driver.prune(environment, SshTransport(environment.home.known_hosts), keep_days, dry=dry_run)
    if as_json:
        typer.echo(json.dumps(pruned.as_json()))
    else:
        report.prune(pruned)
    for error in pruned.errors:
        typer.echo(f"farm: {error}", err=True)
    raise typer.Exit(pruned.errors[0].exit if pruned.errors else 0)
