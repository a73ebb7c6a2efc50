"""Manners: fewer and smaller reads where Cassandra has enough to do, as many as allowed where it is calm."""

import pytest

from features.rebuild.pace import CALM, SMALLEST_PAGE, Pace


def test_a_failure_halves_reads_and_pages_down_to_a_least() -> None:
    pace = Pace(8, 10_000, None)
    pace.failed()
    assert (pace.reads, pace.page) == (4, 5000)
    for _ in range(20):
        pace.failed()
    assert (pace.reads, pace.page) == (1, SMALLEST_PAGE)


def test_a_page_that_was_asked_to_be_tiny_stays_so() -> None:
    pace = Pace(4, 7, None)
    pace.failed()
    assert pace.page == 7


def test_calm_brings_reads_and_pages_back_and_no_further() -> None:
    pace = Pace(4, 1000, None)
    pace.failed()
    pace.failed()
    for _ in range(10 * CALM):
        pace.answered(0.0, 0.1, 100)
    assert (pace.reads, pace.page) == (4, 1000)


def test_reads_that_become_slow_are_made_fewer() -> None:
    pace = Pace(4, 1000, None)
    for _ in range(5):
        pace.answered(0.0, 0.1, 100)
    pace.answered(0.0, 2.0, 100)
    assert pace.reads == 3


def test_reads_that_have_always_been_slow_are_not_made_fewer() -> None:
    pace = Pace(4, 1000, None)
    for _ in range(50):
        pace.answered(0.0, 3.0, 100)
    assert pace.reads == 4


def test_rows_a_second_are_limited() -> None:
    pace = Pace(4, 1000, 500.0)
    assert pace.wait(10.0) == 0
    pace.answered(10.0, 0.1, 1000)
    assert pace.wait(10.0) == pytest.approx(2.0)
    pace.answered(10.5, 0.1, 500)
    assert pace.wait(11.0) == pytest.approx(2.0)
    assert pace.wait(14.0) == 0
