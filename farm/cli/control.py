"""``farm cancel``, ``farm hold`` and ``farm unhold``: orders to a run, living or not."""

import json
from typing import Annotated

import typer

from farm.environment import Environment

Run = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, a unique prefix of it, or last.")]
Tasks = Annotated[list[str], typer.Argument(metavar="TASK...", help="Ids of tasks.")]
AsJson = Annotated[bool, typer.Option("--json", help="What was done, as JSON.")]


def register(app: typer.Typer) -> None:
    app.command()(cancel)
    app.command()(hold)
    app.command()(unhold)


def cancel(
    run: Run,
    tasks: Annotated[list[str] | None, typer.Argument(metavar="[TASK...]", help="Without any: the whole run.")] = None,
    inventory: Environment = "lab",
    as_json: AsJson = False,
) -> None:
    """End a run, or tasks of it: what runs is killed, what waits does not start. A resume goes on with it."""
    from farm import control

    _tell(control.tasks(inventory, run, "cancel", tasks or ()), as_json)


def hold(run: Run, tasks: Tasks, inventory: Environment = "lab", as_json: AsJson = False) -> None:
    """Keep tasks from being started, by a resume too. One that runs is done if its attempt ends well, else held."""
    from farm import control

    _tell(control.tasks(inventory, run, "hold", tasks), as_json)


def unhold(run: Run, tasks: Tasks, inventory: Environment = "lab", as_json: AsJson = False) -> None:
    """Let held tasks be done, with all their tries."""
    from farm import control

    _tell(control.tasks(inventory, run, "unhold", tasks), as_json)


def _tell(done: str, as_json: bool) -> None:
    typer.echo(json.dumps({"schema": 1, "done": done}) if as_json else done)
