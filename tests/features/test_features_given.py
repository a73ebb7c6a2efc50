"""Inputs from outside Cassandra: each from its source, missing where there is none."""

from dataclasses import replace
from pathlib import Path

import dust_map
import numpy as np
import pytest
from lsst_columns import curves_of
from lsst_curves import odd

from features import survey
from features.curves import LightCurves
from features.dust import DustMap
from features.errors import InputError
from features.given import Given, keep
from features.lsst.place import position

LSST = survey("lsst")


def light_curves(number: int) -> LightCurves:
    return curves_of({each: odd(each) for each in range(number)})


def test_a_record_is_found_by_its_key_and_dust_by_the_place(tmp_path: Path) -> None:
    curves = replace(light_curves(40), given={})
    ids = curves.object_id.tolist()
    keep(tmp_path / "sherlock", [(ids[at], f'{{"z": {at}}}') for at in (5, 2, 9)])
    maps = dust_map.write(tmp_path / "dust")
    found = Given(LSST, {"sherlock": tmp_path / "sherlock", "ebv": maps}).to(curves)
    told = found.given["sherlock"]
    assert {at: told[at] for at in range(len(ids)) if told[at] is not None} == {
        at: f'{{"z": {at}}}' for at in (2, 5, 9)
    }
    assert np.array_equal(found.given["ebv"], DustMap(maps).ebv(*position(curves)), equal_nan=True)


def test_without_a_source_every_value_is_missing(tmp_path: Path) -> None:
    curves = light_curves(10)
    found = Given(LSST, {}).to(curves)
    assert np.isnan(found.given["ebv"]).all()
    assert all(each is None for each in found.given["sherlock"])
    assert Given(LSST, {}).names == ()


def test_names_as_keys(tmp_path: Path) -> None:
    assert keep(tmp_path / "some", [("ZTF18b", "{}"), ("ZTF18a", '{"z": 1}')]) == 2
    external = replace(LSST.external[1], name="told")
    named = replace(survey("ztf"), external=(external,))
    ids = np.array(["ZTF18a", "ZTF18c"], object)
    curves = LightCurves.from_rows(ids, {"jd": np.array([1.0, 2.0])}, ("jd",))
    assert Given(named, {"told": tmp_path / "some"}).to(curves).given["told"].tolist() == ['{"z": 1}', None]


def test_what_cannot_be_a_source_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="survey lsst has no input dust: it has ebv, sherlock"):
        Given(LSST, {"dust": tmp_path})
    with pytest.raises(InputError, match="survey ztf has no input ebv at all"):
        Given(survey("ztf"), {"ebv": tmp_path})
    (tmp_path / "text").write_text("no records")
    for name in ("text", "absent"):
        with pytest.raises(InputError, match=f"{name} holds no records of objects"):
            Given(LSST, {"sherlock": tmp_path / name})
    with pytest.raises(InputError, match="an object has two rows"):
        keep(tmp_path / "twice", [(1, "{}"), (1, "{}")])
