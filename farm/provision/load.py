"""The head's part of playbooks/load.yml: ``python -m farm.provision.load INVENTORY RUN``.

Prints where the parts of a run that can be loaded stand, the folder of its release, and the arguments of
csv_to_database; a run that would change more than the gates let through is refused. With ``--keep`` it takes the load's
summary from standard input, keeps it with the run, and prints it for a person.
"""

import json
import shlex
import sys
from argparse import ArgumentParser, Namespace
from typing import Any

from farm import loading
from farm.inventory import load
from farm.load.options import add_options, options
from farm.load.summary import lines
from farm.provision import program


def main() -> dict[str, Any]:
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("inventory", help="the name of a folder under inventory/, or a path")
    arguments.add_argument("run", help="id of a run, a unique prefix of it, or last")
    arguments.add_argument("--keep", action="store_true", help="keep the summary that comes on standard input")
    arguments.add_argument("--options", default="", help="options of farm load, as one text")
    given = arguments.parse_args()
    inventory = load(given.inventory)
    ready = loading.ready(inventory.env, given.run)
    if given.keep:
        said = json.load(sys.stdin)
        loading.keep(ready.run, said)
        return {"lines": lines(said)}
    asked = _asked(given.options)
    if not asked.undo:
        from farm.diff.gates import limits
        from farm.diff.run import require

        require(inventory, ready.run, limits(asked.max_changed, asked.max_new_nulls), options(asked))
    argv = ["--undo"] if asked.undo else options(asked).argv()
    return {"run": ready.run.id, "parts": str(ready.run.parts), "release": str(ready.release), "arguments": argv}


def _asked(text: str) -> Namespace:
    parser = ArgumentParser(prog="-e load_options=")
    add_options(parser)
    parser.add_argument("--max-changed", action="append", default=[])
    parser.add_argument("--max-new-nulls", action="append", default=[])
    parser.add_argument("--undo", action="store_true")
    return parser.parse_args(shlex.split(text))


if __name__ == "__main__":
    program.run(main)
