"""Simulated upper limits and forced photometry: keys that are unique and in order, and the same objects."""

import numpy as np
import pytest

from farm.seed import driver
from farm.seed.rows import Rows
from farm.seed.store import tokens
from features import survey

TABLES = {table.name: table for table in survey("ztf").tables}


@pytest.fixture(scope="module")
def chunk() -> dict[str, Rows]:
    (made,) = driver.simulated(300, 20, 1, all_tables=True).chunks()
    return dict(made)


@pytest.mark.parametrize("name", ["noncandidates", "forcedphot"])
def test_rows_are_of_the_detected_objects_each_key_once_in_the_order_of_cassandra(
    chunk: dict[str, Rows], name: str
) -> None:
    rows = chunk[name]
    assert set(rows) == set(TABLES[name].typed)
    assert set(rows["objectid"].tolist()) <= set(chunk["candidates"]["objectid"].tolist())
    ids, number = np.unique(rows["objectid"], return_inverse=True)
    token = tokens(ids)[number]
    same, later = np.diff(token) == 0, np.diff(rows["jd"]) > 0
    assert (np.diff(token) >= 0).all()
    assert later[same].all()


def test_upper_limits_stand_in_nights_without_a_detection_and_some_between_detections(chunk: dict[str, Rows]) -> None:
    nights = [
        set(zip(rows["objectid"].tolist(), np.floor(rows["jd"]).tolist(), strict=True))
        for rows in (chunk["candidates"], chunk["noncandidates"])
    ]
    assert not nights[0] & nights[1]
    limits = chunk["noncandidates"]
    assert 0 < np.ma.getmaskarray(limits["magzpsci"]).mean() < 0.5
    assert 14.9 < np.ma.getdata(limits["diffmaglim"]).min() < np.ma.getdata(limits["diffmaglim"]).max() < 22.3


def test_forced_photometry_is_the_detections_flux_where_there_is_one(chunk: dict[str, Rows]) -> None:
    seen = chunk["candidates"]
    forced = chunk["forcedphot"]
    flux = dict(zip(zip(forced["objectid"].tolist(), forced["jd"].tolist(), strict=True),
                    forced["forcediffimflux"].tolist(), strict=True))  # fmt: skip
    first = np.append(True, (seen["objectid"][1:] != seen["objectid"][:-1]) | (seen["jd"][1:] != seen["jd"][:-1]))
    for row in np.flatnonzero(first)[:500].tolist():
        found = flux[seen["objectid"][row], seen["jd"][row]]
        assert (found > 0) == (seen["isdiffpos"][row] in (b"t", b"1"))
        assert -2.5 * np.log10(abs(found)) + 26.2 == pytest.approx(seen["magpsf"][row])
