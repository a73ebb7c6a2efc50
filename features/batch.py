"""From many light curves to as many rows of features; one light curve is a batch of one.

    survey = features.survey(features.DEFAULT)
    curves = LightCurves.from_ordered(key_of_each_row, {name: array, ...})   # survey.inputs
    rows = compute(survey, curves, window=30)
    features.text.write_rows(rows, file)

Small batches pay numpy's cost a call: 50,000 to 100,000 detections at once are the best, more are no better.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.curves import Bools, LightCurves
from features.declare import Family, Feature, Survey

_Column = tuple[NDArray[Any], Bools]

__all__ = ["Failure", "LightCurves", "Rows", "compute", "single"]


@dataclass(frozen=True)
class Failure:
    """A family of features that could not be computed for one object: all of them are missing there."""

    object_id: str
    """The key's text."""
    family: str
    error: str


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of features, one an object, in the order of the light curves."""

    survey: Survey
    object_id: NDArray[Any]
    """Keys: objects (str) or int64."""
    values: Mapping[str, NDArray[Any]]
    """Feature name to n values, in the order of the table: float64 for SQL double and float, int64, or objects (str).
    What stands where a value is missing has no meaning."""
    missing: Mapping[str, Bools]
    """Feature name to the objects where it is missing (NULL)."""
    failures: tuple[Failure, ...] = ()
    """What should have been computed and could not be; empty unless a feature's function raises."""

    def __len__(self) -> int:
        return len(self.object_id)

    def dicts(self) -> Iterator[dict[str, Any]]:
        """Each row as a dict of Python values, None where missing, the key first."""
        columns = [self.object_id.tolist()]
        for name, values in self.values.items():
            column = values.astype(object)
            column[self.missing[name]] = None
            columns.append(column.tolist())
        names = (self.survey.key.name, *self.values)
        for row in zip(*columns, strict=True):
            yield dict(zip(names, row, strict=True))


def compute(survey: Survey, curves: LightCurves, window: float | None) -> Rows:
    """Every feature of ``survey`` for every object of ``curves``.

    ``window`` in days keeps the detections with max(t) - t < window, an object at a time; None keeps all. A full row
    comes out for each object, also for one without detections. A feature function that raises costs its own features
    of the object that it raised for, and nothing else (see ``Rows.failures``).
    """
    curves = curves.within(window, survey.time, survey.times)
    failures: list[Failure] = []
    found: dict[str, _Column] = {}
    with np.errstate(all="ignore"):
        for each in survey.families:
            names = (feature.name for feature in each.features)
            found |= zip(names, _columns(each, curves, failures), strict=True)
    return Rows(
        survey,
        curves.object_id,
        {feature.name: found[feature.name][0] for feature in survey.features},
        {feature.name: found[feature.name][1] for feature in survey.features},
        tuple(failures),
    )


def single(
    survey: Survey,
    object_id: str | int,
    detections: Sequence[Mapping[str, Any]],
    others: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    given: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The features of one object whose rows are dicts, as a dict: a batch of one.

    ``others`` are its rows of other tables, ``given`` what comes from outside Cassandra; what is left out is missing.
    """
    curves = LightCurves.from_dicts(object_id, detections, survey.inputs, survey.detections.clustering)
    rows = {
        table.name: LightCurves.from_dicts(
            object_id, (others or {}).get(table.name, ()), survey.reads[table.name], table.clustering
        )
        for table in survey.tables[1:]
        if table.name in survey.reads
    }
    known = {each.name: np.array([(given or {}).get(each.name)], each.dtype) for each in survey.external}
    return next(compute(survey, replace(curves, others=rows, given=known), None).dicts())


def _columns(each: Family, curves: LightCurves, failures: list[Failure]) -> list[_Column]:
    """The family's columns. Where its function raises, halves are tried, down to the object that is at fault."""
    size = len(curves)
    try:
        arrays = each.function(curves)
        return [_column(feature, array, size) for feature, array in zip(each.features, arrays, strict=True)]
    except Exception as error:
        if size <= 1:
            failures.extend(Failure(str(name), each.name, repr(error)) for name in curves.object_id)
            return [(np.zeros(size, feature.dtype), np.ones(size, bool)) for feature in each.features]
    halves = [_columns(each, curves.take(part), failures) for part in (slice(0, size // 2), slice(size // 2, size))]
    return [
        (np.concatenate((first[0], second[0])), np.concatenate((first[1], second[1])))
        for first, second in zip(*halves, strict=True)
    ]


def _column(feature: Feature, array: NDArray[Any], size: int) -> _Column:
    """Values of the feature's type, and where they are missing."""
    if array.shape != (size,):
        raise ValueError(f"{feature.name}: an array of shape {array.shape} for {size} objects")
    values = np.ma.getdata(array)
    missing = values == np.array(None) if values.dtype == object else ~np.isfinite(values)
    if isinstance(array, np.ma.MaskedArray):
        missing = missing | np.ma.getmaskarray(array)
    if values.dtype != feature.dtype:
        values = np.where(missing, 0, values).astype(feature.dtype)
    return values, missing
