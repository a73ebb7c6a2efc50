"""Simulated light curves: what real ones look like, and always the same."""

from dataclasses import replace

import numpy as np
import pytest

from farm.errors import InputError
from farm.seed import simulate
from farm.seed.rows import Rows
from farm.seed.store import tokens
from features import survey

ZTF = survey("ztf")
OBJECTS, ROWS = 4000, 125_000


def joined(objects: int, rows: int, seed: int) -> Rows:
    chunks = [each["candidates"] for each in simulate.light_curves(ZTF, objects, rows, seed)]
    return {name: np.ma.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


@pytest.fixture(scope="module")
def rows() -> Rows:
    return joined(OBJECTS, ROWS, 1)


@pytest.fixture(scope="module")
def counts(rows: Rows) -> np.ndarray:
    return np.unique(rows["objectid"].data, return_counts=True)[1]


def test_there_are_as_many_objects_and_rows_as_asked_for(rows: Rows, counts: np.ndarray) -> None:
    assert len(counts) == OBJECTS
    assert counts.sum() == ROWS == len(rows["jd"])


def test_every_column_of_the_table_is_there(rows: Rows) -> None:
    assert set(rows) == {column.name for column in ZTF.detections.columns}


def test_lengths_run_from_one_detection_to_thousands(counts: np.ndarray) -> None:
    assert np.count_nonzero(counts == 1) > OBJECTS / 50
    assert np.median(counts) < counts.mean() / 2
    assert counts.max() > 500


def test_rows_stand_in_the_order_of_cassandra(rows: Rows) -> None:
    number = dict(zip(*_tokens(rows), strict=True))
    token = np.array([number[name] for name in rows["objectid"].data.tolist()])
    order = np.lexsort((rows["candid"], rows["jd"], token))
    assert (order == np.arange(len(order))).all()


def _tokens(rows: Rows) -> tuple[list[bytes], list[int]]:
    names = np.unique(rows["objectid"].data)
    return names.tolist(), tokens(names).tolist()


def test_no_two_rows_have_one_key_though_some_have_one_time(rows: Rows) -> None:
    keys = list(zip(rows["objectid"].tolist(), rows["jd"].tolist(), rows["candid"].tolist(), strict=True))
    assert len(set(keys)) == ROWS
    assert ROWS / 100 < ROWS - len({key[:2] for key in keys}) < ROWS / 20


def test_bands_and_signs_are_of_every_kind(rows: Rows) -> None:
    assert set(rows["fid"].tolist()) == {1, 2, 3}
    assert set(rows["isdiffpos"].tolist()) == {b"t", b"f", b"1", b"0"}


def test_some_objects_lack_a_band_and_some_a_sign(rows: Rows) -> None:
    _, first, count = np.unique(rows["objectid"].data, return_index=True, return_counts=True)
    order = np.argsort(first)
    starts, long = first[order], count[order] > 10
    green = np.add.reduceat(rows["fid"] == 1, starts) / count[order]
    positive = np.add.reduceat(np.isin(rows["isdiffpos"].data, (b"t", b"1")), starts) / count[order]
    for share in (green, positive):
        assert (share[long] == 0).any()
        assert ((share[long] > 0) & (share[long] < 1)).any()


def test_a_minor_planet_is_named_is_the_word_null_or_is_null(rows: Rows) -> None:
    names = rows["ssnamenr"]
    assert 0.5 < np.ma.getmaskarray(names).mean() < 0.9
    words = set(names.compressed().tolist())
    assert b"null" in words
    assert any(word.endswith(b")2001QA") for word in words)


@pytest.mark.parametrize("column", ["sgmag1", "srmag1", "sgscore1", "distpsnr1"])
def test_ps1_is_mostly_null_and_sometimes_the_sentinel(rows: Rows, column: str) -> None:
    assert 0.5 < np.ma.getmaskarray(rows[column]).mean() < 0.9
    assert (rows[column].compressed() == -999).any()
    assert (rows[column].compressed() != -999).any()


def test_drb_is_missing_on_most_rows(rows: Rows) -> None:
    assert 0.5 < np.ma.getmaskarray(rows["drb"]).mean() < 0.95
    assert {True, False} == set((rows["drb"].compressed() > 0.75).tolist())


def test_some_objects_stand_on_both_sides_of_ra_0(rows: Rows) -> None:
    west = set(rows["objectid"][rows["ra"] > 359].tolist())
    assert len(west & set(rows["objectid"][rows["ra"] < 1].tolist())) >= 5
    assert rows["ra"].min() >= 0
    assert rows["ra"].max() < 360


def test_the_same_seed_gives_the_same_light_curves_and_another_one_others() -> None:
    one, same, other = (joined(50, 2000, seed) for seed in (7, 7, 8))
    assert all(one[name].tolist() == same[name].tolist() for name in one)
    assert one["magpsf"].tolist() != other["magpsf"].tolist()


def test_an_object_is_never_in_two_chunks() -> None:
    chunks = [set(chunk["candidates"]["objectid"].tolist()) for chunk in simulate.light_curves(ZTF, OBJECTS, ROWS, 1)]
    assert len(chunks) > 2
    assert sum(map(len, chunks)) == OBJECTS


@pytest.mark.parametrize(("objects", "rows"), [(1, 1), (1, 5), (3, 3), (2, 90_000)])
def test_few_objects_are_simulated_too(objects: int, rows: int) -> None:
    found = joined(objects, rows, 1)
    assert len(found["jd"]) == rows
    assert len(set(found["objectid"].tolist())) == objects


def test_a_survey_without_a_simulation_is_told_so() -> None:
    other = replace(ZTF, name="nowhere")
    with pytest.raises(InputError, match="light curves of nowhere cannot be simulated: seed with files"):
        next(simulate.light_curves(other, 1, 1, 1))
