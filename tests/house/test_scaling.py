"""docs/scaling.md: what is computed from the measured figures of a load."""

import pytest
from command import ROOT

from tests.bench import scale

CASE = "other columns changed"


def size(rows: int, *loads: dict[str, float]) -> dict[str, object]:
    return {"rows": rows, "cases": [{"case": CASE, "ours": list(loads)}]}


def test_a_load_is_the_slope_of_its_sizes_check_and_read_back_included() -> None:
    repeated = ({"check": 1.0, "merge": each, "verify": 2.0} for each in (9.0, 5.0, 6.0))
    sizes = [size(300_000, {"check": 2.0, "merge": 22.0, "verify": 5.0}), size(100_000, *repeated)]
    assert scale._loads(sizes) == {CASE: pytest.approx((29 - 9) / 200_000)}


def test_the_gate_and_the_load_are_among_what_may_break_first() -> None:
    slopes = scale.measured()
    site = scale.Site(1_280_000, 4, 8, 3)
    found = scale.limits(site, slopes)
    assert found["gate"] == pytest.approx(50)
    assert found["load"] == pytest.approx(1_280_000 * slopes.load[scale.ORDINARY])
    assert set(slopes.load) == {"empty table", "indexed columns changed", CASE, "nothing changed"}


def test_figures_that_no_benchmark_keeps_are_those_of_the_page_on_loads() -> None:
    text = " ".join((ROOT / "docs" / "load.md").read_text().split())
    assert scale.GATE == 5 / 128_000
    assert "128,000 rows take 5 s" in text
    assert scale.GENTLE == 30
    assert "the gentle load makes some thirty rows a second" in text
