"""Features of light curves, shared by the real-time pipeline and the rebuild.

A survey is a folder here (``features.ztf``): its tables, and its features, each declared beside the function that
computes it. Everything else in this package is the same for every survey: ``features.batch`` computes rows of features
from many light curves at once, ``features.text`` writes them as CSV, ``features.schema`` makes the DDL.

Importing this package imports numpy at most, and nothing of ``farm``.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from features.declare import Survey

SURVEYS = tuple(sorted(each.parent.name for each in Path(__file__).parent.glob("*/tables.py")))
"""A survey is a folder that declares tables."""
DEFAULT = "ztf"
"""Where nobody says which survey."""


def survey(name: str, as_lasair: bool = False) -> "Survey":
    """The survey of that name; ``as_lasair``: computed with the defects of the original code.

    Raises KeyError for a name that is not in SURVEYS, ValueError for a survey that keeps no such defects.
    """
    if name not in SURVEYS:
        raise KeyError(f"no survey {name!r}: there is {', '.join(SURVEYS)}")
    found: Survey = import_module(f"features.{name}").SURVEY
    if as_lasair and not found.has_originals:
        raise ValueError(f"survey {name} keeps none of the original code's defects: leave out --as-lasair")
    return found.with_originals() if as_lasair else found
