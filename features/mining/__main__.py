"""``python -m features.mining``: a function over light curves from files."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from features import DEFAULT, SURVEYS, survey
from features.ending import ended
from features.errors import InputError
from features.mining import script
from features.mining.job import Job, Limits
from features.mining.local import mine
from features.rebuild.main import days


def _table(text: str) -> tuple[str, Path]:
    name, equals, file = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not TABLE=FILE")
    return name, Path(file)


def _script(text: str) -> tuple[Path, str]:
    path, _, function = text.rpartition(":")
    if not path or not function.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} is not SCRIPT.py:FUNCTION")
    return Path(path).absolute(), function


def _out(text: str) -> Path:
    path = Path(text)
    if path.suffix not in (".parquet", ".csv") or path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is no file for rows: name one that ends in .parquet or .csv")
    return path


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m features.mining", description=__doc__)
    made.add_argument("script", type=_script, metavar="SCRIPT.py:FUNCTION")
    made.add_argument("--survey", choices=SURVEYS, default=DEFAULT)
    made.add_argument("--table", type=_table, action="append", required=True, metavar="TABLE=FILE")
    made.add_argument("--window", type=days, default="all", metavar="DAYS|all")
    made.add_argument("--out", type=_out, required=True, metavar="FILE", help="rows: .parquet or .csv")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: 0, 2 for usage, 17 for a file or a script that cannot be used."""
    return ended(lambda: _run(_parser().parse_args(argv)))


def _run(given: argparse.Namespace) -> None:
    file, function = given.script
    kind: Literal["csv", "parquet"] = "csv" if given.out.suffix == ".csv" else "parquet"
    if not given.out.parent.is_dir():
        raise InputError(f"{given.out} cannot be written: there is no folder {given.out.parent}")
    job = Job(file.name, function, script.digest(file), given.survey, given.window, kind, Limits())
    try:
        done = mine(survey(given.survey), job, file.parent, dict(given.table), given.out)
    except OSError as error:
        raise InputError(f"{given.out} cannot be written: {error.strerror or error}") from None
    for each in done.kinds:
        sys.stderr.write(f"{each.count} objects failed, {each.objects[0]} first: {each.kind}\n{each.traceback}\n")
    sys.stdout.write(f"{done.yielded} rows of {done.objects} objects, {done.failed} failed\n")


if __name__ == "__main__":
    sys.exit(main())
