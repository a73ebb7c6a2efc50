"""What the programs of this package have in common: JSON out, an error as one sentence, no traceback for bad input."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from typing import Any

from farm.errors import FarmError


def parser(doc: str, subject: str) -> ArgumentParser:
    """Arguments: the subject, and --check | --write, which say whether anything may be changed."""
    arguments = ArgumentParser(description=doc)
    arguments.add_argument(subject)
    mode = arguments.add_mutually_exclusive_group(required=True)
    mode.add_argument("--check", dest="write", action="store_false", help="say what would change, and change nothing")
    mode.add_argument("--write", dest="write", action="store_true")
    return arguments


def run(program: Callable[[], Mapping[str, Any]]) -> None:
    """Print what ``program`` returns as one line of JSON; end with the code of its FarmError."""
    try:
        result = program()
    except FarmError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit)
    sys.stdout.write(json.dumps(dict(result)) + "\n")
