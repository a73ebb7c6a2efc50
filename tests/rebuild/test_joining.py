"""Pages end anywhere; light curves come out whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.curves import LightCurves
from features.rebuild.joining import Joiner
from features.rebuild.pages import Page


def page(*objects: tuple[str, int]) -> Page:
    """A page with so many rows of each object; jd counts the rows of the page."""
    ids = np.array([name for name, rows in objects for _ in range(rows)], dtype=object)
    return Page(ids, {"jd": np.arange(len(ids), dtype=float)}, None)


def lengths(curves: LightCurves | None) -> dict[str, int]:
    return dict(zip(curves.object_id, np.diff(curves.start).tolist(), strict=True)) if curves is not None else {}


@given(st.lists(st.integers(1, 30), max_size=20), st.integers(1, 40), st.integers(1, 60))
def test_pages_of_any_size_give_the_same_light_curves(rows: list[int], size: int, batch: int) -> None:
    names = np.array([f"{number:03d}" for number, count in enumerate(rows) for _ in range(count)], dtype=object)
    jd = np.arange(len(names), dtype=float)
    joiner = Joiner(limit=1000, batch=batch)
    found: list[LightCurves | None] = []
    for first in range(0, len(names), size):
        part = slice(first, first + size)
        found.append(joiner.add(Page(names[part], {"jd": jd[part]}, None)))
    found.append(joiner.end())
    whole = [each for each in found if each is not None]
    assert [name for each in whole for name in each.object_id] == [f"{number:03d}" for number in range(len(rows))]
    assert [count for each in whole for count in np.diff(each.start)] == rows
    assert np.concatenate([np.empty(0), *(each.columns["jd"] for each in whole)]).tolist() == jd.tolist()


def test_what_waits_is_less_than_a_batch_and_one_object() -> None:
    joiner = Joiner(limit=1000, batch=10)
    assert joiner.add(page(("a", 6), ("b", 6))) is None
    assert lengths(joiner.add(page(("b", 1), ("c", 5)))) == {"a": 6, "b": 7}
    assert lengths(joiner.add(page(("c", 5), ("d", 1)))) == {"c": 10}
    assert lengths(joiner.end()) == {"d": 1}


@pytest.mark.parametrize("size", [3, 7, 100])
def test_an_object_that_is_too_wide_is_left_out_and_counted(size: int) -> None:
    rows = [("a", 2), ("b", 25), ("c", 10), ("d", 11), ("e", 1)]
    names = np.array([name for name, count in rows for _ in range(count)], dtype=object)
    joiner = Joiner(limit=10)
    found: dict[str, int] = {}
    for first in range(0, len(names), size):
        found |= lengths(joiner.add(Page(names[first : first + size], {}, None)))
    assert found | lengths(joiner.end()) == {"a": 2, "c": 10, "e": 1}
    assert joiner.too_wide == {"b": 25, "d": 11}


def test_the_rows_of_an_object_that_is_too_wide_are_not_kept() -> None:
    joiner = Joiner(limit=10)
    for _ in range(50):
        joiner.add(page(("wide", 8)))
    assert joiner.too_wide == {"wide": 400}
    assert joiner.end() is None


def test_the_open_object_can_be_forgotten_and_read_again() -> None:
    joiner = Joiner(limit=100)
    joiner.add(page(("a", 2), ("b", 3)))
    joiner.add(page(("b", 4)))
    assert joiner.drop_open() == 7
    joiner.add(page(("b", 9)))
    assert lengths(joiner.end()) == {"a": 2, "b": 9}


def test_no_page_and_an_empty_page_give_no_light_curve() -> None:
    joiner = Joiner(limit=100)
    assert joiner.add(page()) is None
    assert joiner.drop_open() == 0
    assert joiner.end() is None
