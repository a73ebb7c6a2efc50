"""What an operator may ask of a load, the same for ``farm load``, ``csv_to_database`` and the playbook. Pure."""

import math
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from dataclasses import dataclass, replace

from farm.errors import InputError
from features.declare import Survey


@dataclass(frozen=True)
class Options:
    """``columns``: load these only, and only into rows that are there (none: every column).

    ``keep_not_null``: columns that keep their old value where the new one is missing.
    """

    columns: tuple[str, ...] = ()
    keep_not_null: tuple[str, ...] = ()
    max_rate: float | None = None
    """Rows a second, at most."""
    sample: bool = False
    """Read back a sample of the rows, not all of them."""

    def argv(self) -> list[str]:
        """The arguments of ``csv_to_database`` that mean the same."""
        pairs = (("--columns", self.columns), ("--keep-not-null", self.keep_not_null))
        rate = [f"--max-rate={self.max_rate}"] if self.max_rate else []
        sample = ["--verify=sample"] if self.sample else []
        return [*(f"{name}={','.join(values)}" for name, values in pairs if values), *rate, *sample]

    def keeping(self, names: Sequence[str]) -> "Options":
        """The same, with more columns that keep their old value where the new one is missing."""
        more = (each for each in names if each not in self.keep_not_null and (each in self.columns or not self.columns))
        return replace(self, keep_not_null=(*self.keep_not_null, *more))

    def require_known(self, survey: Survey) -> None:
        """Raises InputError for a column that is not one of the survey's features."""
        known = [feature.name for feature in survey.features]
        for option, names in (("--columns", self.columns), ("--keep-not-null", self.keep_not_null)):
            if unknown := [name for name in names if name not in known]:
                raise InputError(
                    f"{option} names {unknown[0][:64]!r}, which is no feature of {survey.name} (the key,"
                    f" {survey.key.name}, is always read): choose from {', '.join(known)}"
                )
        if self.columns and (useless := [name for name in self.keep_not_null if name not in self.columns]):
            raise InputError(f"--keep-not-null names {useless[0]}, which --columns does not load")


EVERYTHING = Options()
ALONE = "takes no other option: it puts back all that loads of the run changed"
"""What an undo is told that is given any."""


def listed(text: str) -> tuple[str, ...]:
    """``a,b`` as names, each once, in their order. Raises ArgumentTypeError where there is none."""
    names = tuple(dict.fromkeys(each.strip() for each in text.split(",") if each.strip()))
    if not names:
        raise ArgumentTypeError(f"{text!r} names no column")
    return names


def together(texts: Sequence[str]) -> tuple[str, ...]:
    """The names of an option that may be given more than once."""
    return tuple(dict.fromkeys(name for text in texts for name in listed(text)))


def rate(text: str) -> float:
    """Rows a second. Raises ArgumentTypeError for what is none."""
    try:
        rows = float(text)
    except ValueError:
        rows = math.nan
    if not (math.isfinite(rows) and rows >= 1):
        raise ArgumentTypeError(f"{text!r} is no rate: write rows a second, 1 at least")
    return rows


def add_options(parser: ArgumentParser) -> None:
    """Add the arguments that ``options`` reads."""
    parser.add_argument(
        "--columns", type=listed, default=(), metavar="A,B", help="load these columns only, and only into rows there"
    )
    parser.add_argument(
        "--keep-not-null", type=listed, default=(), metavar="A,B", help="keep the old value where the new one is NULL"
    )
    parser.add_argument("--max-rate", type=rate, metavar="ROWS", help="load so many rows a second at most")
    parser.add_argument(
        "--verify", choices=("all", "sample"), default="all", help="read back every row (the default), or a sample"
    )


def options(arguments: Namespace) -> Options:
    return Options(arguments.columns, arguments.keep_not_null, arguments.max_rate, arguments.verify == "sample")
