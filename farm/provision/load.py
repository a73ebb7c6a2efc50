"""The head's part of playbooks/load.yml: ``python -m farm.provision.load INVENTORY RUN``.

Prints where the parts of a run that can be loaded stand, and the folder of its release. With ``--keep`` it takes the
load's summary from standard input, keeps it with the run, and prints it for a person.
"""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from farm import loading
from farm.inventory import load
from farm.load.summary import lines
from farm.provision import program


def main() -> dict[str, Any]:
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("inventory", help="the name of a folder under inventory/, or a path")
    arguments.add_argument("run", help="id of a run, a unique prefix of it, or last")
    arguments.add_argument("--keep", action="store_true", help="keep the summary that comes on standard input")
    options = arguments.parse_args()
    inventory = load(options.inventory)
    ready = loading.ready(inventory.env, options.run)
    if options.keep:
        said = json.load(sys.stdin)
        loading.keep(ready.run, said)
        return {"lines": lines(said)}
    return {"run": ready.run.id, "parts": str(ready.run.parts), "release": str(ready.release)}


if __name__ == "__main__":
    program.run(main)
