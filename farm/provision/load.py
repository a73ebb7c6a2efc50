"""The head's part of playbooks/load.yml: ``python -m farm.provision.load INVENTORY RUN``.

Prints where the parts of a run that can be loaded stand, the folder of its release, and the arguments of
csv_to_database; a run that would change more than the gates let through is refused. With ``--keep`` it takes the load's
summary from standard input, keeps it with the run, and prints it for a person. Between the two the load counts as
begun, so that nobody takes its parts away.
"""

import json
import shlex
import sys
from argparse import ArgumentParser, Namespace
from typing import Any

from farm import loading
from farm.inventory import Inventory, load
from farm.load.options import ALONE, EVERYTHING, add_options, options
from farm.provision import program
from farm.runs import Run


def main() -> dict[str, Any]:
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("inventory", help="the name of a folder under inventory/, or a path")
    arguments.add_argument("run", help="id of a run, a unique prefix of it, or last")
    arguments.add_argument("--keep", action="store_true", help="keep the summary that comes on standard input")
    arguments.add_argument("--check", action="store_true", help="nothing is loaded after this")
    arguments.add_argument("--options", default="", help="options of farm load, as one text")
    given = arguments.parse_args()
    inventory = load(given.inventory)
    ready = loading.ready(inventory.env, given.run)
    with ready.run.locked():
        return _keep(inventory, ready.run) if given.keep else _begin(inventory, ready, given.options, given.check)


def _keep(inventory: Inventory, run: Run) -> dict[str, Any]:
    said = json.load(sys.stdin)
    loading.keep(run, said)
    return {"lines": loading.told(inventory, said)}


def _begin(inventory: Inventory, ready: loading.Ready, text: str, check: bool) -> dict[str, Any]:
    asked = _asked(text)
    if not asked.undo:
        from farm.diff.gates import limits
        from farm.diff.run import require

        given = limits(asked.max_changed, asked.max_new_nulls)
        require(inventory, ready.run, given, options(asked), begins=not check)
    elif not check:
        loading.begin_undo(ready.run)
    argv = ["--undo"] if asked.undo else options(asked).argv()
    return {"run": ready.run.id, "parts": str(ready.run.parts), "release": str(ready.release), "arguments": argv}


def _asked(text: str) -> Namespace:
    parser = ArgumentParser(prog="-e load_options=")
    add_options(parser)
    parser.add_argument("--max-changed", action="append", default=[])
    parser.add_argument("--max-new-nulls", action="append", default=[])
    parser.add_argument("--undo", action="store_true")
    asked = parser.parse_args(shlex.split(text))
    if asked.undo and (options(asked) != EVERYTHING or asked.max_changed or asked.max_new_nulls):
        parser.error(f"--undo {ALONE}")
    return asked


if __name__ == "__main__":
    program.run(main)
