"""farm mine on LSST's tables: keys that are numbers, forced photometry and Rubin's own row joined."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from command import farm

from farm.errors import Exit
from farm.seed import driver

pytestmark = pytest.mark.lab
OBJECTS, MEAN_ROWS = 150, 12
SCRIPT = """
from features.mining import light_curve

@light_curve(columns="psfFlux band diaForcedSources.midpointMjdTai diaObjects.nDiaSources")
def told(curve):
    (known,) = curve["diaObjects.nDiaSources"]
    times = curve["diaForcedSources.midpointMjdTai"]
    yield {"n": len(curve), "known": known, "flux": curve["psfFlux"], "bands": "".join(curve["band"]),
           "forced": len(times), "first": times.min() if len(times) else None}
"""


@pytest.fixture(scope="module")
def sent(provisioned: None) -> pandas.DataFrame:
    """A row an object, as it was seeded."""
    options = ("--survey", "lsst", "--objects", str(OBJECTS), "--rows-per-object", str(MEAN_ROWS), "--seed", "1")
    farm("lab", "seed", *options, "--replace", "--json").json()
    chunks = list(driver.simulated(OBJECTS, MEAN_ROWS, 1, "lsst").chunks())
    sources, forced = ({name: np.concatenate([np.ma.getdata(each[table][name]) for each in chunks]) for name in names}
                       for table, names in (("diaSources", ("diaObjectId", "psfFlux")),
                                            ("diaForcedSources", ("diaObjectId", "midpointMjdTai"))))  # fmt: skip
    own = pandas.DataFrame(sources).groupby("diaObjectId").psfFlux.agg(n="size", flux=list)
    return own.join(pandas.DataFrame(forced).groupby("diaObjectId").midpointMjdTai.agg(forced="size", first="min"))


def mine(folder: Path, *options: str) -> tuple[Any, Path]:
    script, out = folder / "lsst.py", folder / "out"
    script.write_text(SCRIPT)
    return farm("mine", f"{script}:told", "--survey", "lsst", "--out", str(out), "--json", *options), out


def test_a_row_an_object_has_its_sources_and_what_other_tables_hold_of_it(
    sent: pandas.DataFrame, tmp_path: Path
) -> None:
    ended, out = mine(tmp_path, "--ranges", "6")
    told = ended.json()["dataset"]
    assert (told["survey"], told["window"], told["failed"]) == ("lsst", "all", 0)
    found = pandas.read_parquet(out).set_index("diaObjectId").sort_index()
    assert found.index.dtype == np.int64
    assert found.index.tolist() == sent.index.tolist()
    assert found.n.tolist() == sent.n.tolist() == found.known.tolist()
    assert found.forced.tolist() == sent.forced.fillna(0).tolist()
    np.testing.assert_allclose(found["first"], sent["first"])
    for name, row in sent.iterrows():
        np.testing.assert_allclose(found.loc[name, "flux"], row.flux, rtol=1e-6)
        assert len(found.loc[name, "bands"]) == row.n


def test_objects_are_named_by_their_numbers(sent: pandas.DataFrame, tmp_path: Path) -> None:
    wanted, names = sent.index[:3].tolist(), tmp_path / "names"
    names.write_text("\n".join(map(str, wanted)))
    ended, out = mine(tmp_path, "--objects", str(names), "--limit", "w1")
    assert ended.code == Exit.OK, ended.stderr
    assert sorted(pandas.read_parquet(out).diaObjectId) == wanted
    names.write_text("ZTF18abcdefg")
    refused, _ = mine(tmp_path / "..", "--objects", str(names))
    assert refused.code == Exit.INPUT
    assert "whole numbers" in refused.stderr
