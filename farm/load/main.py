"""``csv_to_database DIR --option-file FILE``: the program that runs on the loader."""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from farm.errors import Exit, FarmError


def main() -> None:
    """One sentence for an error that a user can act on; a traceback only with FARM_DEBUG=1."""
    arguments = _arguments().parse_args()
    try:
        said = load(arguments.dir, arguments.option_file, arguments.verify_only)
    except FarmError as error:
        if os.environ.get("FARM_DEBUG"):
            raise
        sys.stderr.write(f"csv_to_database: {error}\n")
        sys.exit(error.exit)
    except KeyboardInterrupt:
        sys.stderr.write("csv_to_database: interrupted; what was merged stays. Run it again\n")
        sys.exit(Exit.INTERRUPTED)
    from farm.load.summary import exit_code, lines

    sys.stdout.write(json.dumps(said) + "\n" if arguments.json else "\n".join(lines(said)) + "\n")
    sys.exit(exit_code(said))


def load(folder: Path, option_file: Path, verify_only: bool = False) -> dict[str, Any]:
    """Check the parts in ``folder``, merge them, and read every row back from another node; returns the summary.

    Raises PartsError where the parts may not be loaded, GaleraError where they cannot.
    """
    from farm.galera import read_account, require_client
    from farm.load.check import check_folder
    from farm.load.merge import merge
    from farm.load.summary import summary
    from farm.load.verify import verify

    require_client()
    account = read_account(option_file)
    seconds: dict[str, float] = {}
    clock = _Clock(seconds)
    parts = check_folder(folder)
    clock.lap("check")
    merged = None
    if not verify_only:
        merged = merge(parts, account)
        clock.lap("merge")
    verified = verify(parts, account, writer=merged.node if merged else None)
    clock.lap("verify")
    return summary(parts, account.mode, merged, verified, seconds)


class _Clock:
    def __init__(self, seconds: dict[str, float]) -> None:
        self._seconds = seconds
        self._at = time.monotonic()

    def lap(self, step: str) -> None:
        now = time.monotonic()
        self._seconds[step], self._at = now - self._at, now


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="csv_to_database",
        description="Load the parts of a run into table objects of Galera, and read every row back from another node.",
    )
    parser.add_argument("dir", type=Path, metavar="DIR", help="folder with the parts and their manifests")
    parser.add_argument(
        "--option-file", type=Path, required=True, metavar="FILE", help="MySQL option file of farm_loader, mode 0600"
    )
    parser.add_argument(
        "--verify-only", action="store_true", help="load nothing, only compare the table with the parts"
    )
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    return parser


if __name__ == "__main__":
    main()
