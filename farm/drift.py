"""What a new release changes in the golden set and in living objects, and whether that is within limits. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from features.diff import Change, Diff, FeatureDiff, lines

WHAT = {"golden": "curves of the golden set", "living": "living objects"}


def judge(sample: Mapping[str, Any], max_changed: float, max_new_nulls: float) -> dict[str, Any]:
    """Both comparisons for people, a feature a line, and what goes beyond the limits, a sentence each.

    ``sample``: ``golden`` and ``living``, each as ``python -m features diff --json`` prints it, and ``gone``, the
    features that only the old release has. The limits are shares of the objects that both releases have computed:
    those in which a feature moves, or becomes NULL.
    """
    diffs = {what: _diff(sample[name]) for name, what in WHAT.items()}
    shown: list[str] = []
    breaches = [f"{name} is no feature any more" for name in sample["gone"]]
    for what, diff in diffs.items():
        shown += [f"{what}:", *(f"  {line}" for line in lines(diff))]
        breaches += _breaches(what, diff, max_changed, max_new_nulls)
    moved = {each.name: None for diff in diffs.values() for each in diff.features if each.changed}
    return {"features": list(moved), "gone": list(sample["gone"]), "lines": shown, "breaches": breaches}


def _breaches(what: str, diff: Diff, max_changed: float, max_new_nulls: float) -> Iterator[str]:
    lost, whole = len(diff.only_old), diff.objects + len(diff.only_old)
    if lost > max_new_nulls * whole:
        yield f"{lost} of {whole:,} {what} get no row any more"
    for each in diff.features:
        moved = each.changed - each.became_null
        for rows, verb, limit in ((moved, "moves", max_changed), (each.became_null, "becomes NULL", max_new_nulls)):
            if rows > limit * diff.objects:
                share = rows / diff.objects
                yield f"{each.name} {verb} in {share:.1%} of {diff.objects:,} {what}, {limit:.4g} is the limit"


def _diff(said: Mapping[str, Any]) -> Diff:
    names = ("only_old", "only_new", "features_only_old", "features_only_new")
    return Diff(
        objects=said["objects"],
        features=tuple(
            FeatureDiff(**{**each, "worst": tuple(Change(**change) for change in each["worst"])})
            for each in said["features"]
        ),
        **{name: tuple(said[name]) for name in names},
    )
