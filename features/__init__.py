"""Features of light curves, shared by the real-time pipeline and the rebuild.

A survey is a folder here (``features.ztf``): its tables, and its features, each declared beside the function that
computes it. Everything else in this package is the same for every survey: ``features.batch`` computes rows of features
from many light curves at once, ``features.text`` writes them as CSV, ``features.schema`` makes the DDL.

Importing this package imports numpy at most, and nothing of ``farm``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from features.declare import Survey

SURVEYS = ("ztf",)


def survey(name: str) -> "Survey":
    """The survey of that name. Raises KeyError for a name that is not in SURVEYS."""
    if name not in SURVEYS:
        raise KeyError(f"no survey {name!r}: there is {', '.join(SURVEYS)}")
    found: Survey = import_module(f"features.{name}").SURVEY
    return found
