"""Judge what the canary of an upgrade computed: ``python -m farm.provision.drift``, its words on standard input."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from farm.drift import judge
from farm.provision import program


def main() -> dict[str, Any]:
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("--max-changed", type=float, required=True, help="share of objects in which a feature moves")
    arguments.add_argument("--max-new-nulls", type=float, required=True, help="share in which one becomes NULL")
    given = arguments.parse_args()
    return judge(json.load(sys.stdin), given.max_changed, given.max_new_nulls)


if __name__ == "__main__":
    program.run(main)
