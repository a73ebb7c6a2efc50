"""What a change to the feature code changes: two files of rows of features, compared feature by feature."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.curves import Ints
from features.declare import Feature, Survey
from features.errors import InputError

Column = NDArray[Any]
WORST = 3
"""Objects named a feature."""


@dataclass(frozen=True)
class Change:
    """One object's value before and after."""

    object_id: str
    old: Any
    new: Any


@dataclass(frozen=True)
class FeatureDiff:
    """How one feature changed, over the objects of both files."""

    name: str
    changed: int
    """Objects with another value than before, or with a value that became NULL or ceased to be."""
    greatest: float | None
    """Greatest absolute change of a number; None where no number changed."""
    median: float | None
    """Median absolute change of the numbers that changed."""
    became_null: int
    ceased_null: int
    worst: tuple[Change, ...]
    """The greatest changes; where there is none, the first objects with a change of another kind."""


@dataclass(frozen=True)
class Diff:
    """Two files compared."""

    objects: int
    """Objects in both."""
    only_old: tuple[str, ...]
    only_new: tuple[str, ...]
    features: tuple[FeatureDiff, ...]
    """Every feature that both files have, in the order of the table."""
    features_only_old: tuple[str, ...]
    features_only_new: tuple[str, ...]


def compare(
    survey: Survey, old: Mapping[str, Column], new: Mapping[str, Column], tolerance: float | None = 0.0
) -> Diff:
    """Compare rows of features (``features.files.read_features``) by object.

    Numbers differ when ``relative(old, new)`` is above ``tolerance``, None: the feature's own. Raises InputError for an
    object that stands twice in one file.
    """
    key = survey.key.name
    old_ids, new_ids = _ids(old[key], "old"), _ids(new[key], "new")
    both, old_row, new_row = np.intersect1d(old_ids, new_ids, assume_unique=True, return_indices=True)
    features = tuple(
        _compare_one(
            feature,
            both,
            old[feature.name][old_row],
            new[feature.name][new_row],
            feature.tolerance if tolerance is None else tolerance,
        )
        for feature in survey.features
        if feature.name in old and feature.name in new
    )
    names = [feature.name for feature in survey.features]
    return Diff(
        len(both),
        tuple(np.setdiff1d(old_ids, both, assume_unique=True).tolist()),
        tuple(np.setdiff1d(new_ids, both, assume_unique=True).tolist()),
        features,
        tuple(name for name in names if name in old and name not in new),
        tuple(name for name in names if name in new and name not in old),
    )


def relative(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    """How far two columns of numbers are apart: abs(a - b) over the greater absolute value, 0 to 2; 0 where equal."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    scale = np.maximum(np.abs(a), np.abs(b))
    found = np.zeros(len(a))
    np.divide(np.abs(a - b), scale, out=found, where=a != b)
    return found


def lines(diff: Diff) -> Iterator[str]:
    """The comparison for people: a line a feature that changed."""
    moved = [each for each in diff.features if each.changed]
    if moved:
        yield f"{'feature':<14}{'changed':>9}{'at most':>11}{'median':>11}{'to NULL':>9}{'from NULL':>11}  worst"
    for each in moved:
        worst = ", ".join(f"{change.object_id} {_text(change.old)} -> {_text(change.new)}" for change in each.worst)
        yield (
            f"{each.name:<14}{each.changed:>9}{_size(each.greatest):>11}{_size(each.median):>11}"
            f"{each.became_null:>9}{each.ceased_null:>11}  {worst}"
        )
    yield f"{diff.objects} objects in both; {len(moved)} of {len(diff.features)} features changed"
    for names, where in ((diff.only_old, "old"), (diff.only_new, "new")):
        if names:
            more = " ..." if len(names) > WORST else ""
            yield f"objects only in the {where} file ({len(names)}): {', '.join(names[:WORST])}{more}"
    for names, where in ((diff.features_only_old, "old"), (diff.features_only_new, "new")):
        if names:
            yield f"features only in the {where} file: {', '.join(names)}"


def _ids(column: Column, which: str) -> NDArray[np.str_]:
    ids = np.ma.getdata(column).astype(str)
    names, counts = np.unique(ids, return_counts=True)
    if len(names) != len(ids):
        raise InputError(f"the {which} file has {names[counts > 1][0]} more than once: a row an object is wanted")
    return ids


def _compare_one(feature: Feature, ids: NDArray[np.str_], old: Column, new: Column, tolerance: float) -> FeatureDiff:
    was_null, is_null = np.ma.getmaskarray(old), np.ma.getmaskarray(new)
    before, after = np.ma.getdata(old), np.ma.getdata(new)
    valued = ~was_null & ~is_null
    size = np.zeros(len(ids))
    if feature.dtype == object:
        differs = valued & (before != after)
    else:
        size[valued] = np.abs(after.astype(np.float64) - before.astype(np.float64))[valued]
        differs = valued & (before != after) & (relative(before, after) > tolerance)
    changed = differs | (was_null != is_null)
    sizes = size[differs] if feature.dtype != object else np.empty(0)
    return FeatureDiff(
        feature.name,
        int(changed.sum()),
        float(sizes.max()) if len(sizes) else None,
        float(np.median(sizes)) if len(sizes) else None,
        int((is_null & ~was_null).sum()),
        int((was_null & ~is_null).sum()),
        tuple(Change(str(ids[i]), _plain(old, i), _plain(new, i)) for i in _worst(changed, size).tolist()),
    )


def _worst(changed: NDArray[np.bool_], size: NDArray[np.float64]) -> Ints:
    rows = np.flatnonzero(changed)
    return rows[np.argsort(-size[rows], kind="stable")[:WORST]]


def _plain(column: Column, row: int) -> Any:
    return None if np.ma.getmaskarray(column)[row] else np.ma.getdata(column)[row : row + 1].tolist()[0]


def _text(value: Any) -> str:
    return "NULL" if value is None else f"{value:.9g}" if isinstance(value, float) else str(value)


def _size(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
