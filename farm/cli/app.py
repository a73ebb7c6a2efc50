"""The Typer application: a verb is a module of farm.cli whose ``register(app)`` adds it; one handler for errors."""

from importlib import import_module
from pkgutil import iter_modules

import typer

import farm.cli
from farm import outcome
from farm.ending import ending
from farm.help import finish, fit

app = typer.Typer(
    name="farm",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Rebuild the features of astronomical objects from their light curves, on a farm of workers.",
)

for module in iter_modules(farm.cli.__path__):
    if module.name != "app":
        import_module(f"farm.cli.{module.name}").register(app)

finish(app)


def run() -> None:
    """Run the CLI."""
    fit(app)
    with ending("farm"), outcome.kept():
        app()
