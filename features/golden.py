"""The golden set: simulated light curves and their features, with which installed code shows that it computes.

``features/<survey>/golden.json.gz`` holds both. Its values come from the tests' scalar reference, never from this
package: ``tests/features/*golden_set.py`` write them, ``golden_set.py`` describes the format.
"""

import gzip
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

import numpy as np

from features.batch import compute
from features.curves import LightCurves
from features.declare import Survey, Table
from features.errors import GoldenError

RELATIVE = 1e-9
ABSOLUTE = 1e-10
"""In the feature's unit: deviations of a position cancel to this many degrees or arcseconds in any order of a sum."""


@dataclass(frozen=True)
class Difference:
    """A value that is not the golden one. None is a missing value."""

    object_id: str
    window: str
    """Days, or all."""
    feature: str
    wanted: Any
    found: Any


@dataclass(frozen=True)
class Golden:
    """What came of the golden set."""

    objects: int
    features: tuple[str, ...]
    """Those that were compared."""
    unknown: tuple[str, ...]
    """Features that the set does not have: it is older than they are."""
    differences: tuple[Difference, ...]


def check(survey: Survey) -> Golden:
    """Compute the survey's golden set and compare. A feature of the set that the survey lacks differs everywhere."""
    told = json.loads(gzip.decompress((files(f"features.{survey.name}") / "golden.json.gz").read_bytes()))
    curves = _curves(survey, told)
    names = tuple(told["features"])
    tolerances = {name: told.get("relative", {}).get(name, RELATIVE) for name in names}
    differences: list[Difference] = []
    for window, golden in told["values"].items():
        rows = compute(survey, curves, None if window == "all" else float(window)).dicts()
        found = {str(row[survey.key.name]): row for row in rows}
        for object_id, values in golden.items():
            wanted = dict(zip(names, values, strict=True))
            differences += _differences(object_id, window, wanted, found[object_id], tolerances)
    return Golden(
        objects=len(curves),
        features=names,
        unknown=tuple(feature.name for feature in survey.features if feature.name not in names),
        differences=tuple(differences),
    )


def require(golden: Golden) -> None:
    """Raises GoldenError where a value is not the golden one."""
    if golden.differences:
        names = sorted({each.feature for each in golden.differences})
        first = golden.differences[0]
        raise GoldenError(
            f"the golden set comes out otherwise in {len(golden.differences)} values of {', '.join(names)}, the first"
            f" one {first.feature} of {first.object_id} (window {first.window}): {first.found!r} instead of"
            f" {first.wanted!r}: if that is intended, tests/features/golden_set.py writes it anew from the reference"
        )


def _differences(
    object_id: str,
    window: str,
    wanted: Mapping[str, Any],
    found: Mapping[str, Any],
    relative: Mapping[str, float],
) -> list[Difference]:
    return [
        Difference(object_id, window, name, value, found.get(name))
        for name, value in wanted.items()
        if name not in found or not _alike(value, found[name], relative[name])
    ]


def _alike(wanted: Any, found: Any, relative: float) -> bool:
    if isinstance(wanted, float) and isinstance(found, float):
        return math.isclose(wanted, found, rel_tol=relative, abs_tol=ABSOLUTE)
    return type(wanted) is type(found) and bool(wanted == found)


def _curves(survey: Survey, told: Mapping[str, Any]) -> LightCurves:
    """The rows of all tables, and what is given of each object."""
    curves = _table(survey, survey.detections, told)
    tables = {table.name: table for table in survey.tables}
    others = {
        name: _table(survey, tables[name], rows).of(curves.object_id) for name, rows in told.get("others", {}).items()
    }
    given = {
        each.name: np.array([told["given"][each.name][str(key)] for key in curves.object_id.tolist()], each.dtype)
        for each in survey.external
    }
    return replace(curves, others=others, given=given)


def _table(survey: Survey, table: Table, told: Mapping[str, Any]) -> LightCurves:
    """Rows (the key first, then the columns) in any order, as columns of the types that Cassandra gives."""
    object_id, *several = zip(*told["rows"], strict=True)
    arrays = {}
    for name, values in zip(told["columns"], several, strict=True):
        missing = [value is None for value in values]
        dtype = table.typed[name].dtype
        filled = [("" if dtype.hasobject else 0) if value is None else value for value in values]
        arrays[name] = np.ma.MaskedArray(np.array(filled, dtype), missing)
    return LightCurves.from_rows(np.array(object_id, survey.key.dtype), arrays, table.clustering)
