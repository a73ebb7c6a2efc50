"""``csv_to_database DIR --option-file FILE``: the program that runs on the loader; ``--check`` tests its way there."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farm.ending import ending
from farm.errors import PartsError
from farm.load.options import ALONE, EVERYTHING, Options, add_options, options

if TYPE_CHECKING:
    from farm.galera import Account


def main() -> None:
    parser = _arguments()
    arguments = parser.parse_args()
    if arguments.dir is None and not arguments.check:
        parser.error("DIR is needed")
    if arguments.undo and options(arguments) != EVERYTHING:
        parser.error(f"--undo {ALONE}")
    with ending("csv_to_database", "interrupted; what was merged stays. Run it again, and it goes on"):
        if arguments.check:
            sys.stdout.write(json.dumps(check(arguments.option_file)) + "\n")
            return
        if arguments.undo:
            said = undo(arguments.dir, arguments.option_file)
        else:
            said = load(arguments.dir, arguments.option_file, options(arguments), arguments.verify_only)
    from farm.load.summary import exit_code, lines

    sys.stdout.write(json.dumps(said) + "\n" if arguments.json else "\n".join(lines(said)) + "\n")
    sys.exit(exit_code(said))


def load(folder: Path, option_file: Path, asked: Options = EVERYTHING, verify_only: bool = False) -> dict[str, Any]:
    """Check the parts in ``folder``, merge them, and read every row back from two other nodes; returns the summary.

    Goes on where a load of the same parts was interrupted. Raises PartsError where the parts may not be loaded,
    LockedError where another loader has the table, GaleraError where they cannot be loaded.
    """
    from farm.load.begin import begin, identity
    from farm.load.check import check_folder
    from farm.load.merge import merge, statements, work
    from farm.load.place import held
    from farm.load.summary import summary
    from farm.load.verify import verify

    account = _account(option_file)
    clock = _Clock()
    parts = check_folder(folder)
    if parts.environment != account.environment:
        raise PartsError(
            f"the parts in {folder} are of environment {parts.environment}, and {option_file} is of"
            f" {account.environment}: load them with the option file of their own"
        )
    asked.require_known(parts.survey)
    asked = asked.keeping(parts.unknown)
    mode = "update" if asked.columns else account.mode
    clock.lap("check")
    if verify_only:
        verified = verify(parts, account, None, asked, asked.sample)
        clock.lap("verify")
        return summary(parts, mode, None, verified, clock.seconds, asked)
    what = work(parts, account, asked)
    wanted = identity(parts, account, statements(parts, account, asked))
    with held(folder) as places, begin(places, account, wanted, what) as (ledger, lock):
        merged = merge(what, account, ledger, lock, asked.max_rate)
        clock.lap("merge")
        verified = verify(parts, account, merged.node, asked, asked.sample)
        clock.lap("verify")
        ledger.finish()
    return summary(parts, mode, merged, verified, clock.seconds, asked)


def undo(folder: Path, option_file: Path) -> dict[str, Any]:
    """Put back what the loads of ``folder`` changed; returns the summary.

    Goes on where it was interrupted. Raises InputError where nothing was loaded, LockedError, GaleraError.
    """
    from farm.load.place import held
    from farm.load.undo import undo as put_back

    account = _account(option_file)
    with held(folder) as places:
        return put_back(places, account)


def check(option_file: Path) -> dict[str, Any]:
    """Log in to every node and change nothing: its address, and why it cannot be used from here, or None.

    Raises SetupError, InputError where the account itself cannot be used.
    """
    from concurrent.futures import ThreadPoolExecutor

    from farm.errors import FarmError
    from farm.galera import Node

    account = _account(option_file)

    def trouble(address: str) -> str | None:
        try:
            with Node(account, address, any_state=True):
                return None
        except FarmError as error:
            return str(error)

    with ThreadPoolExecutor() as pool:
        return {"schema": 1, "nodes": dict(zip(account.hosts, pool.map(trouble, account.hosts), strict=True))}


def _account(option_file: Path) -> "Account":
    from farm.galera import read_account, require_client

    require_client()
    return read_account(option_file)


class _Clock:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._at = time.monotonic()

    def lap(self, step: str) -> None:
        now = time.monotonic()
        self.seconds[step], self._at = now - self._at, now


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="csv_to_database",
        description="Load the parts of a run into table objects of Galera, and read every row back at two other nodes.",
    )
    parser.add_argument("dir", type=Path, nargs="?", metavar="DIR", help="folder with the parts and their manifests")
    parser.add_argument(
        "--option-file", type=Path, required=True, metavar="FILE", help="MySQL option file of farm_loader, mode 0600"
    )
    add_options(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--verify-only", action="store_true", help="load nothing, only compare the table with the parts")
    what.add_argument("--undo", action="store_true", help="put back what loads of these parts changed")
    what.add_argument("--check", action="store_true", help="only log in to every node, and print JSON")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    return parser


if __name__ == "__main__":
    main()
