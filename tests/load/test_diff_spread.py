"""The spread of a feature's values, counted in batches of any size."""

import numpy as np
import pytest

from farm.diff.spread import BINS, Spread
from farm.load.columns import Values


def column(values: list[float]) -> Values:
    data = np.array(values)
    return Values(data, np.isnan(data))


@pytest.mark.parametrize("size", [7, 3_000, 20_000])
def test_every_value_is_counted_once_whatever_the_batches(size: int) -> None:
    random = np.random.default_rng(1)
    old, new = random.normal(0, 1, 20_000), random.normal(1, 2, 20_000)
    old[::10] = np.nan
    spread = Spread()
    for at in range(0, 20_000, size):
        spread.add(column(old[at : at + size].tolist()), column(new[at : at + size].tolist()))
    found = spread.as_json()
    assert found is not None
    assert (sum(found["table"]), sum(found["run"])) == (18_000, 20_000)
    assert found["low"] < -2 < 3 < found["high"]
    assert np.argmax(found["table"]) == pytest.approx(-found["low"] / (found["high"] - found["low"]) * BINS, abs=3)
    assert max(found["run"]) < 2_500, "no bin holds what lies beyond"


def test_one_value_alone_has_a_bin_and_none_has_no_spread() -> None:
    one, none = Spread(), Spread()
    one.add(None, column([4.0, 4.0]))
    none.add(column([np.nan]), column([np.nan]))
    found = one.as_json()
    assert found is not None
    assert sum(found["run"]) == 2
    assert none.as_json() is None
