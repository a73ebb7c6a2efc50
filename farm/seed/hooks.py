"""What a survey's folder has for seeding beside its tables: ``simulate.py`` and ``ingest.py``; it may lack both.

``ingest.py`` says how what is not yet a row of its tables becomes one. It may have ``rows(packet)``, table and row of
all that an alert packet holds, with the names of the tables' columns; ``moment(packet)``, a number that is greater for
a later alert; ``ESSENTIAL``, table to columns that its rows have beside the key; and ``completed(table, rows)``, the
rows of a table without those that are none, and with the columns that are made from others.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import features
from farm.seed.rows import Rows
from features.declare import Survey

Packet = Mapping[str, Any]


@dataclass(frozen=True)
class Ingest:
    """``ingest.py`` of a survey."""

    rows: Callable[[Packet], Iterable[tuple[str, Mapping[str, Any]]]] | None
    """None: it has no alert packets."""
    moment: Callable[[Packet], float]
    essential: Mapping[str, tuple[str, ...]]
    completed: Callable[[str, Rows], Rows]


def part(survey: Survey, name: str) -> ModuleType | None:
    """A module of the survey's folder; None where there is none."""
    if not Path(features.__file__).with_name(survey.name).joinpath(f"{name}.py").exists():
        return None
    return import_module(f"features.{survey.name}.{name}")


def ingest(survey: Survey) -> Ingest:
    found = part(survey, "ingest")
    return Ingest(
        getattr(found, "rows", None),
        getattr(found, "moment", lambda _: 0.0),
        getattr(found, "ESSENTIAL", {}),
        getattr(found, "completed", lambda _, rows: rows),
    )
