"""``python -m features``: features of files, what changed, and what is made from the declarations."""

import argparse
import dataclasses
import json
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import features
from features.ending import ended
from features.errors import InputError

if TYPE_CHECKING:
    from features.batch import Failure, Rows
    from features.curves import LightCurves
    from features.declare import Survey

_WHAT = "Everything about the features that needs neither a database nor the farm."

BATCH = 4000
"""Objects computed at once."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Exit codes: 0, 2 for usage, 13 for a golden set that comes out otherwise, 17 for a bad file."""

    def run() -> None:
        given = _parser().parse_args(argv)
        given.run(_survey(given), given)

    return ended(run)


def _survey(given: argparse.Namespace) -> "Survey":
    try:
        return features.survey(given.survey, getattr(given, "as_lasair", False))
    except ValueError as error:
        raise InputError(str(error)) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m features", description=_WHAT)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: object, what: str) -> argparse.ArgumentParser:
        each = commands.add_parser(name, help=what, description=what)
        each.add_argument("--survey", choices=features.SURVEYS, default=features.DEFAULT)
        each.set_defaults(run=run)
        return each

    compute = command("compute", _compute, "features of a file of detections, without any database")
    compute.add_argument(
        "--candidates",
        required=True,
        type=Path,
        metavar="FILE",
        help="detections: .parquet or .csv, other tables' files beside it; or the folder of them",
    )
    compute.add_argument("--as-lasair", action="store_true", help="with the original code's defects")
    compute.add_argument(
        "--window", required=True, type=_window, metavar="DAYS|all", help="before the latest detection"
    )
    compute.add_argument("--out", required=True, type=Path, metavar="FILE", help="rows of features: .parquet or .csv")

    diff = command("diff", _diff, "what changed between two files of rows of features")
    diff.add_argument("old", type=Path, metavar="OLD")
    diff.add_argument("new", type=Path, metavar="NEW")
    diff.add_argument(
        "--tolerance",
        type=_tolerance,
        default=0.0,
        metavar="SHARE|own",
        help="relative difference that counts as none (0); own: the feature's own tolerance",
    )
    diff.add_argument("--json", action="store_true", help="for programs")

    golden = command("golden", _golden, "compute the golden set, and see whether the values are right")
    golden.add_argument("--json", action="store_true", help="for programs")

    ddl = command("ddl", _ddl, "MariaDB's CREATE TABLE of the survey's objects")
    ddl.add_argument("--table", default="objects")

    cql = command("cql", _cql, "Cassandra's CREATE TABLE of the survey's tables")
    cql.add_argument("--keyspace", required=True)

    command("hash", _hash, "the schema hash: names, SQL types, null rules, order")
    command("docs", _docs, "docs/features.md, which has all surveys")
    return parser


def _window(text: str) -> float | None:
    """Days, or None for all."""
    if text == "all":
        return None
    days = float(text)
    if not 0 < days < float("inf"):
        raise ValueError
    return days


def _tolerance(text: str) -> float | None:
    """A relative difference, or None for each feature's own."""
    if text == "own":
        return None
    share = float(text)
    if not 0 <= share < float("inf"):
        raise ValueError
    return share


def _compute(survey: "Survey", given: argparse.Namespace) -> None:
    from features.files import read_light_curves, write_features

    failed: list[Failure] = []
    curves = read_light_curves(survey, given.candidates)
    written = write_features(survey, _rows(survey, curves, given.window, failed), given.out)
    sys.stderr.write(f"{written} objects from {curves.rows} detections: {given.out}\n")
    if failed:
        first = failed[0]
        raise InputError(
            f"{given.out}: {len(failed)} values are missing because their function failed, the first one "
            f"{first.family} of {first.object_id}: {first.error}"
        )


def _rows(survey: "Survey", curves: "LightCurves", window: float | None, failed: list["Failure"]) -> Iterator["Rows"]:
    from features.batch import compute

    for first in range(0, len(curves), BATCH):
        rows = compute(survey, curves.take(slice(first, first + BATCH)), window)
        failed += rows.failures
        yield rows


def _diff(survey: "Survey", given: argparse.Namespace) -> None:
    from features.diff import compare, lines
    from features.files import read_features

    found = compare(survey, read_features(survey, given.old), read_features(survey, given.new), given.tolerance)
    if given.json:
        print(json.dumps({"schema": 1, **dataclasses.asdict(found)}, indent=1))
    else:
        print("\n".join(lines(found)))


def _golden(survey: "Survey", given: argparse.Namespace) -> None:
    from features.golden import check, require

    found = check(survey)
    if given.json:
        print(json.dumps({"schema": 1, **dataclasses.asdict(found)}))
    else:
        wrong = len({each.feature for each in found.differences})
        more = f"; the set lacks {', '.join(found.unknown)}" if found.unknown else ""
        print(f"{found.objects} light curves, {len(found.features)} features, {wrong} of them wrong{more}")
    require(found)


def _ddl(survey: "Survey", given: argparse.Namespace) -> None:
    from features.schema import ddl

    sys.stdout.write(ddl(survey, given.table))


def _cql(survey: "Survey", given: argparse.Namespace) -> None:
    from features.schema import cql_ddl

    sys.stdout.write("".join(cql_ddl(table, given.keyspace) for table in survey.tables))


def _hash(survey: "Survey", given: argparse.Namespace) -> None:
    from features.schema import schema_hash

    print(schema_hash(survey))


def _docs(survey: "Survey", given: argparse.Namespace) -> None:
    from features.docs import page

    sys.stdout.write(page())


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` ends it without a word
    sys.exit(main())
