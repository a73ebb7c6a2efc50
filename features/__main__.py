"""``python -m features``: everything about the features that needs neither a database nor the farm."""

import argparse
import sys
from collections.abc import Sequence

import features
from features import schema
from features.errors import InputError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Exit codes: 0, 2 for usage, 17 for a file that is not what it should be."""
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m features", description=__doc__)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--survey", choices=features.SURVEYS, default="ztf")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    ddl = commands.add_parser("ddl", parents=[common], help="MariaDB's CREATE TABLE of the survey's objects")
    ddl.add_argument("--table", default="objects")
    ddl.set_defaults(run=lambda given: sys.stdout.write(schema.ddl(features.survey(given.survey), given.table)))

    cql = commands.add_parser("cql", parents=[common], help="Cassandra's CREATE TABLE of the survey's tables")
    cql.add_argument("--keyspace", required=True)
    cql.set_defaults(run=_cql)

    digest = commands.add_parser("hash", parents=[common], help="the schema hash")
    digest.set_defaults(run=lambda given: print(schema.schema_hash(features.survey(given.survey))))
    return parser


def _cql(given: argparse.Namespace) -> None:
    for table in features.survey(given.survey).tables:
        sys.stdout.write(schema.cql_ddl(table, given.keyspace))


if __name__ == "__main__":
    sys.exit(main())
