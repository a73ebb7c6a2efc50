"""``rebuild_objects``, the program that runs on a worker: the features of a range of tokens, or of named objects."""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from features import DEFAULT as SURVEY
from features import SURVEYS, survey
from features.declare import Survey
from features.errors import InputError
from features.given import Given
from features.rebuild.errors import CassandraError, Exit
from features.rebuild.pages import FIRST_TOKEN, LAST_TOKEN, Range
from features.rebuild.settings import DEFAULT, load

SHOWN = 20
"""Objects and features that a message names before it says how many more there are."""


def tokens(text: str) -> Range:
    """``LO:HI``: the tokens above LO, up to HI."""
    match = re.fullmatch(r"(-?\d+):(-?\d+)", text)
    if not match or not FIRST_TOKEN <= int(match[1]) < int(match[2]) <= LAST_TOKEN:
        raise argparse.ArgumentTypeError(f"{text!r} is no LO:HI with {FIRST_TOKEN} <= LO < HI <= {LAST_TOKEN}")
    return Range(int(match[1]), int(match[2]))


def days(text: str) -> float | Literal["all"]:
    """A number of days, whole ones as int, or ``all``."""
    if text == "all":
        return "all"
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number of days nor 'all'")
    return int(value) if value == int(value) else value


def csv_file(text: str) -> Path:
    if not text.endswith(".csv"):
        raise argparse.ArgumentTypeError(f"{text!r} does not end in .csv; the manifest's name has .json in its place")
    return Path(text)


def source(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    if not name or not path:
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME=PATH")
    return name, Path(path)


def positive(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="rebuild_objects", description=__doc__)
    what = made.add_mutually_exclusive_group(required=True)
    what.add_argument("--range", type=tokens, metavar="LO:HI", help="objects with LO < token <= HI")
    what.add_argument("--objects", type=Path, metavar="FILE", help="objects by name, one a line")
    what.add_argument("--check", action="store_true", help="only test the way to Cassandra, and print JSON")
    made.add_argument("--survey", choices=SURVEYS, default=SURVEY, help="whose objects")
    made.add_argument(
        "--given",
        type=source,
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="where an input from outside Cassandra is: a folder of dust maps, or a file of records",
    )
    made.add_argument("--as-lasair", action="store_true", help="with the original code's defects")
    made.add_argument("--window", type=days, metavar="DAYS|all", help="what to use of a light curve, from its end")
    made.add_argument("--out", type=csv_file, metavar="FILE", help="the part's CSV; its manifest is written beside it")
    made.add_argument("--cassandra", type=Path, default=DEFAULT, metavar="FILE", help="how to reach Cassandra")
    made.add_argument("--reads", type=positive, default=2, help="reads in flight")
    made.add_argument("--page", type=positive, default=20_000, help="rows of a read")
    made.add_argument("--max-rows-per-second", type=positive, help="no more than that, to spare Cassandra")
    made.add_argument("--max-partition-rows", type=positive, default=250_000, help="objects with more are not read")
    return made


def names(file: Path) -> list[str]:
    """The objects that a file lists. Raises InputError where it cannot be read or lists none."""
    try:
        listed = [line.strip() for line in file.read_text(encoding="ascii").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the list of objects {file} cannot be read: {error}") from error
    found = [name for name in listed if name]
    if not found:
        raise InputError(f"the list of objects {file} is empty: write the id of one object a line")
    return found


def keys(named: Sequence[str], survey: Survey) -> list[Any]:
    """Names of objects as the survey's keys. Raises InputError for one that is none."""
    if survey.key.dtype.hasobject:
        return list(named)
    for name in named:
        if not re.fullmatch(r"-?\d{1,19}", name):
            raise InputError(f"{name!r} is no {survey.key.name}, which is a whole number")
    return [int(name) for name in named]


def work(arguments: argparse.Namespace) -> Exit:
    from features.rebuild.cluster import connect
    from features.rebuild.progress import Progress
    from features.rebuild.rebuild import Limits, rebuild

    try:
        whole = survey(arguments.survey, arguments.as_lasair)
    except ValueError as error:
        raise InputError(str(error)) from error
    settings = load(arguments.cassandra)
    wanted = arguments.range or (names(arguments.objects) if arguments.objects else None)
    if isinstance(wanted, list):
        wanted = keys(wanted, whole)
    given = Given(whole, dict(arguments.given))
    with connect(settings, whole.detections, whole.inputs, whole.beside) as reader:
        if wanted is None:
            sys.stdout.write(json.dumps({"schema": 1, **reader.check()}) + "\n")
            return Exit.OK
        limits = Limits(arguments.reads, arguments.page, arguments.max_partition_rows, arguments.max_rows_per_second)
        progress = Progress.from_environment()
        done = rebuild(
            reader, whole, wanted, arguments.window, arguments.out, limits, settings.consistency, progress, given
        )
    _tell([f"unread: {name}: {why}" for name, why in sorted(done.unread.items())])
    _tell([f"not computed: {failure}" for failure in done.failures])
    sys.stderr.write(f"{done.objects} objects of {done.rows} rows, {len(done.unread)} unread\n")
    return Exit.UNREAD if done.unread else Exit.OK


def _tell(lines: Sequence[str]) -> None:
    for line in lines[:SHOWN]:
        sys.stderr.write(f"{line}\n")
    if len(lines) > SHOWN:
        sys.stderr.write(f"and {len(lines) - SHOWN} more\n")


def bound(argv: Sequence[str]) -> list[str]:
    """The arguments with ``--range`` bound to its value, which argparse takes for an option where LO is negative."""
    at = next((at for at, argument in enumerate(argv[:-1]) if argument == "--range"), None)
    return list(argv) if at is None else [*argv[:at], f"--range={argv[at + 1]}", *argv[at + 2 :]]


def main() -> None:
    arguments = parser().parse_args(bound(sys.argv[1:]))
    if not arguments.check and (arguments.window is None or arguments.out is None):
        parser().error("--window and --out are needed")
    try:
        sys.exit(work(arguments))
    except (InputError, CassandraError) as error:
        sys.stderr.write(f"rebuild_objects: {error}\n")
        sys.exit(int(error.exit))
    except OSError as error:
        sys.stderr.write(f"rebuild_objects: {arguments.out} cannot be written: {error}\n")
        sys.exit(Exit.INPUT)
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)


if __name__ == "__main__":
    main()
