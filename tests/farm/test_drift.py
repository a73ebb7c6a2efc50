"""What the canary of an upgrade computed, judged."""

from typing import Any

import pytest

from farm.drift import judge

LIMITS = (0.01, 0.01)
OBJECTS = 1000
LIVING = "1,000 living objects"


def feature(name: str, changed: int = 0, became_null: int = 0) -> dict[str, Any]:
    """A line of ``python -m features diff --json``."""
    worst = [{"object_id": "ZTF1", "old": 17.0, "new": 18.0}] if changed else []
    return {
        "name": name,
        "changed": changed,
        "became_null": became_null,
        "ceased_null": 0,
        "worst": worst,
        "greatest": 1.0 if changed > became_null else None,
        "median": 1.0 if changed > became_null else None,
    }


def diff(*features: dict[str, Any], objects: int = OBJECTS, only_old: int = 0) -> dict[str, Any]:
    return {
        "objects": objects,
        "only_old": [f"ZTF{each}" for each in range(only_old)],
        "only_new": [],
        "features": list(features),
        "features_only_old": [],
        "features_only_new": ["eta_g"],
    }


def sample(*features: dict[str, Any], only_old: int = 0, gone: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"golden": diff(), "living": diff(*features, only_old=only_old), "gone": list(gone)}


@pytest.mark.parametrize(
    ("given", "breaches"),
    [
        (sample(feature("gmag")), []),
        (sample(feature("gmag", 10)), []),
        (sample(feature("gmag", 10, became_null=10)), []),
        (sample(feature("gmag", 11), feature("rmag")), [f"gmag moves in 1.1% of {LIVING}, 0.01 is the limit"]),
        (sample(feature("gmag", 20, 11)), [f"gmag becomes NULL in 1.1% of {LIVING}, 0.01 is the limit"]),
        (sample(only_old=11), ["11 of 1,011 living objects get no row any more"]),
        (sample(gone=("rmag",)), ["rmag is no feature any more"]),
    ],
    ids=["nothing", "a little", "a little to NULL", "moves", "to NULL", "objects lost", "a feature less"],
)
def test_what_goes_beyond_the_limits_is_said_a_sentence_each(given: dict[str, Any], breaches: list[str]) -> None:
    assert judge(given, *LIMITS)["breaches"] == breaches


def test_the_golden_set_has_the_same_limits() -> None:
    moved = {**sample(), "golden": diff(feature("gmag", 1), objects=48)}
    assert judge(moved, *LIMITS)["breaches"] == ["gmag moves in 2.1% of 48 curves of the golden set, 0.01 is the limit"]


def test_a_new_feature_is_within_the_limits_and_so_is_a_table_without_objects() -> None:
    said = judge({**sample(), "living": diff(feature("gmag"), objects=0)}, *LIMITS)
    assert said["breaches"] == []
    assert "  features only in the new file: eta_g" in said["lines"]


def test_each_feature_that_moved_is_a_line() -> None:
    said = judge(sample(feature("gmag", 3), feature("rmag", 2, 2), feature("ncand")), *LIMITS)
    assert said["features"] == ["gmag", "rmag"]
    living = said["lines"][said["lines"].index("living objects:") :]
    assert [line.split()[:2] for line in living[2:4]] == [["gmag", "3"], ["rmag", "2"]]
    assert "ZTF1 17 -> 18" in living[2]
