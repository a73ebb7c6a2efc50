"""How the values of each feature are spread in a run's parts, and in the table before its load."""

from collections.abc import Mapping
from typing import Any

import features
from farm.diff.spread import Spread
from farm.errors import PartsError
from farm.load.check import read
from farm.parts import read_manifest
from farm.runs import Run
from features.schema import schema_hash

OBJECTS = 50_000
"""Objects of which the parts are read."""


def spreads(run: Run, compared: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """``features``: name, unit, low, high, table (None where it is not at hand), run; and where they are from.

    ``compared``: the comparison that the load's gate kept. None for a run without parts.
    """
    known = [each for each in (compared or {}).get("features", ()) if each.get("spread")]
    if compared and known:
        units = {each.name: each.unit for name in features.SURVEYS for each in features.survey(name).features}
        told = [{"name": each["name"], "unit": units.get(each["name"], ""), **each["spread"]} for each in known]
        rows = compared["rows"] - compared["new"]
        return {"features": told, "note": f"{rows:,} objects that table and run both have, before the load and after"}
    return _of_parts(run)


def _of_parts(run: Run) -> dict[str, Any] | None:
    try:
        manifests = {path: read_manifest(path) for path in sorted(run.parts.glob("*.json"))}
    except PartsError:
        return None
    if not manifests:
        return None
    first = next(iter(manifests.values()))
    survey = next((each for each in map(features.survey, features.SURVEYS) if schema_hash(each) == first.schema), None)
    if survey is None:
        return None
    whole = sum(each.objects for each in manifests.values())
    numeric = [each for each in survey.features if each.width is None]
    found, objects = {each.name: Spread() for each in numeric}, 0
    step = max(1, -(-whole // OBJECTS))
    for path in list(manifests)[::step]:
        for batch in read(path.with_suffix(".csv"), survey):
            objects += batch.size
            for name, spread in found.items():
                spread.add(None, batch.values[name])
    told = [
        {"name": each.name, "unit": each.unit, **known, "table": None}
        for each in numeric
        if (known := found[each.name].as_json())
    ]
    return {"features": told, "note": _note(objects, whole)}


def _note(objects: int, whole: int) -> str:
    of = f"{objects:,} objects" if objects == whole else f"{objects:,} of {whole:,} objects"
    return (
        f"{of} of the run's parts. The values before are not at hand: farm diff and farm load keep them where the"
        " table has rows"
    )
