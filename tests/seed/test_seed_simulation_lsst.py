"""Simulated LSST tables: in the order of their tokens, of the declared columns, and with the quirks of real ones."""

import numpy as np
import pytest

import features
from farm.seed.rows import Rows
from farm.seed.simulate import light_curves
from farm.seed.store import tokens
from features.lsst.simulate import given, object_ids

SURVEY = features.survey("lsst")
TIMES = {table.name: table.clustering for table in SURVEY.tables}


@pytest.fixture(scope="module")
def chunks() -> list[dict[str, Rows]]:
    return [dict(chunk) for chunk in light_curves(SURVEY, 2500, 100_000, seed=3)]


def test_tokens_of_numbers_are_those_that_cassandra_gives() -> None:
    assert tokens(np.array([1])).tolist() == [6292367497774912474]


def test_every_object_is_in_one_chunk_in_the_order_of_the_tokens(chunks: list[dict[str, Rows]]) -> None:
    assert len(chunks) > 1
    ids = np.concatenate([chunk["diaObjects"]["diaObjectId"] for chunk in chunks])
    assert sorted(ids.tolist()) == object_ids(2500).tolist()
    assert (np.diff(tokens(ids)) > 0).all()
    assert sum(len(chunk["diaSources"]["diaObjectId"]) for chunk in chunks) == 100_000
    for chunk in chunks:
        objects = chunk["diaObjects"]["diaObjectId"]
        for name, rows in chunk.items():
            place = np.searchsorted(np.sort(objects), rows["diaObjectId"])
            owner = np.argsort(objects)[place]
            assert (np.sort(objects)[place] == rows["diaObjectId"]).all()
            order = np.lexsort((*(rows[column] for column in reversed(TIMES[name])), owner))
            assert (order == np.arange(len(order))).all(), name


def test_the_columns_are_declared_and_every_one_that_a_feature_needs_is_there(chunks: list[dict[str, Rows]]) -> None:
    for table in SURVEY.tables:
        rows = chunks[0][table.name]
        assert rows.keys() <= table.typed.keys()
        absent = {name for name in SURVEY.reads[table.name] if name not in rows}
        assert all("_fpFluxMean" in name for name in absent), "which Rubin does not fill either"
        assert len({len(column) for column in rows.values()}) == 1


def test_the_quirks_of_real_tables_are_there(chunks: list[dict[str, Rows]]) -> None:
    sources, forced = chunks[0]["diaSources"], chunks[0]["diaForcedSources"]
    same = (np.diff(sources["midpointMjdTai"]) == 0) & (np.diff(sources["diaObjectId"]) == 0)
    assert same.any()
    assert 0 < (sources["psfFlux"] > 0).mean() < 1
    assert np.ma.getmaskarray(sources["reliability"]).any()
    error = sources["raErr"]
    assert np.ma.getmaskarray(error).any()
    assert np.isnan(np.ma.getdata(error)[~np.ma.getmaskarray(error)]).any()
    first = dict(zip(sources["diaObjectId"][::-1], sources["midpointMjdTai"][::-1], strict=True))
    before = sum(time < first[key] for key, time in zip(forced["diaObjectId"], forced["midpointMjdTai"], strict=True))
    assert 0 < before < len(forced["diaObjectId"])
    outside = given(chunks[0]["diaObjects"]["diaObjectId"])
    assert 0 < np.isnan(outside["ebv"]).mean() < 0.1
    assert any(told is None for told in outside["sherlock"])


def test_the_same_arguments_give_the_same_tables() -> None:
    once, again, other = (next(light_curves(SURVEY, 50, 900, seed))["diaSources"]["psfFlux"] for seed in (1, 1, 2))
    assert (once == again).all()
    assert not np.array_equal(once, other)
