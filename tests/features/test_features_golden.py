"""The golden set: made by the reference, recomputed by the code, and a wrong value is noticed."""

import dataclasses
import json

import golden_set
import numpy as np
import pytest
from conftest import unlike

import features
from features.__main__ import main
from features.curves import LightCurves
from features.declare import FeatureArrays, Survey
from features.errors import GoldenError
from features.golden import check, require

SURVEY = features.survey("ztf")


def test_the_file_holds_what_the_reference_gives() -> None:
    made, kept = json.loads(json.dumps(golden_set.golden_set())), golden_set.read()
    for part in ("columns", "rows", "features"):
        assert made[part] == kept[part], part
    for window, found in made["values"].items():
        assert list(found) == list(kept["values"][window])
        for object_id, values in found.items():
            names = made["features"]
            wanted = dict(zip(names, kept["values"][window][object_id], strict=True))
            assert not unlike(wanted, dict(zip(names, values, strict=True)), 1e-12), object_id


def test_the_set_has_every_feature_both_missing_and_not() -> None:
    kept = golden_set.read()
    assert set(kept["features"]) == {feature.name for feature in SURVEY.features}
    assert {"objectid", *kept["columns"]} == set(SURVEY.inputs)
    for place, name in enumerate(kept["features"]):
        values = [row[place] for found in kept["values"].values() for row in found.values()]
        assert any(value is not None for value in values), name
        assert len(set(values)) > 2 or name == "ssnamenr", name


def test_the_code_computes_the_golden_values() -> None:
    found = check(SURVEY)
    assert found.objects == golden_set.OBJECTS
    assert found.unknown == found.differences == ()
    require(found)


def bent(factor: float) -> Survey:
    """The survey with code that is wrong in one family."""
    counts = next(each for each in SURVEY.families if "ncand" in [feature.name for feature in each.features])

    def wrong(curves: LightCurves) -> FeatureArrays:
        return [np.ma.getdata(array) * factor for array in counts.function(curves)]

    families = tuple(dataclasses.replace(each, function=wrong) if each is counts else each for each in SURVEY.families)
    return dataclasses.replace(SURVEY, families=families)


def test_a_wrong_value_is_named_with_its_light_curve() -> None:
    found = check(bent(2.0))
    names = {each.feature for each in found.differences}
    assert "ncand" in names
    assert len(names) <= 3
    assert {each.window for each in found.differences} == {"30", "all"}
    with pytest.raises(GoldenError, match=r"ncand of ZTF98aaaaaaa \(window 30\): 2 instead of 1"):
        require(found)


def test_a_feature_that_the_set_does_not_know_is_named_and_is_no_fault() -> None:
    renamed = dataclasses.replace(SURVEY.families[-1].features[0], name="new_one")
    last = dataclasses.replace(
        SURVEY.families[-1],
        features=(renamed,),
        function=lambda curves: [np.full(len(curves), None, object)],
    )
    more = dataclasses.replace(SURVEY, families=(*SURVEY.families, last))
    found = check(more)
    assert (found.unknown, found.differences) == (("new_one",), ())


def test_the_command_says_that_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["golden"]) == 0
    assert capsys.readouterr().out == f"48 light curves, {len(SURVEY.features)} features, 0 of them wrong\n"
    assert main(["golden", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["differences"] == []


def test_the_command_ends_with_the_code_of_a_bad_release(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("features.survey", lambda *_told: bent(2.0))
    assert main(["golden"]) == 13
    said = capsys.readouterr()
    assert "ncand" in said.err
    assert "wrong" in said.out
