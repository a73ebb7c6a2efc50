"""What farm bench makes of its figures, and how it draws them."""

import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import pytest
from command import farm

from farm.bench import compared, settings
from farm.errors import Exit
from farm.figures import SEED, SEED_OBJECTS, Figure, Setting, plot
from farm.parts import FIRST_TOKEN, LAST_TOKEN
from farm.plan import cut
from farm.plot import Series, lines

THE_SEEDS = compared([Figure(Setting(*where), seconds, SEED_OBJECTS) for where, seconds in SEED.items()])
SVG = "{http://www.w3.org/2000/svg}"


def test_the_seeds_own_figures_give_its_speed_up_of_22() -> None:
    last = THE_SEEDS[-1]
    assert last.setting.slots == 32
    assert last.speed_up == pytest.approx(22, abs=0.2)
    assert last.efficiency == pytest.approx(7828 / 358 / 32)
    assert last.every_object == pytest.approx(358 * 3_700_000 / 128_000)
    assert last.as_json()["times_the_seed"] == 1


def test_the_efficiency_of_tasks_that_wait_is_that_of_the_ideal() -> None:
    (first, second) = compared([Figure(Setting(1, 1), 20.5, 10, 20), Figure(Setting(4, 16), 25, 640, 20)])
    assert (first.efficiency, second.efficiency) == (pytest.approx(20 / 20.5), pytest.approx(0.8))
    assert second.speed_up == pytest.approx(64 * 20.5 / 25)
    assert "seed" not in second.as_json()


def test_settings_are_all_pairs_the_fewest_first() -> None:
    assert settings([2, 1, 1], [4, 1]) == [Setting(1, 1), Setting(1, 4), Setting(2, 1), Setting(2, 4)]


@pytest.mark.parametrize("pieces", [3, 12, 96])
def test_a_part_of_the_ring_is_the_same_tokens_for_any_number_of_pieces(pieces: int) -> None:
    ranges = cut(pieces, 0.01)
    assert len(ranges) == pieces
    assert sum(high - low for low, high in ranges) / (LAST_TOKEN - FIRST_TOKEN) == pytest.approx(0.01)
    assert all(one[1] <= two[0] for one, two in pairwise(ranges))
    arcs = [low for low, _ in cut(3, 0.01)]
    assert set(arcs) <= {low for low, _ in ranges}


def test_the_plot_has_a_line_a_number_of_workers_and_the_seeds_beside_it() -> None:
    drawn = ElementTree.fromstring(plot(THE_SEEDS))
    texts = [each.text for each in drawn.iter(f"{SVG}text")]
    assert {"1 worker", "2 workers", "4 workers", "seed, 4 workers"} <= set(texts)
    assert len(list(drawn.iter(f"{SVG}polyline"))) == 6


def test_the_axes_are_logarithmic_and_names_are_escaped() -> None:
    drawn = ElementTree.fromstring(lines("a < b", "x", "y", [Series("<s>", [(1, 10), (2, 100), (4, 1000)])]))
    xs, ys = zip(*(map(float, point.split(",")) for point in _points(drawn)), strict=True)
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.11)
    assert ys[0] - ys[1] == pytest.approx(ys[1] - ys[2], abs=0.11)
    assert "<s>" in [each.text for each in drawn.iter(f"{SVG}text")]


def test_a_single_point_is_drawn() -> None:
    assert "nan" not in lines("t", "x", "y", [Series("s", [(1, 1)])])


def test_nothing_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="nothing to plot"):
        lines("t", "x", "y", [Series("s", [])])


@pytest.mark.parametrize("given", ["", "0", "1,x", "1,,2", "-1"])
def test_numbers_of_workers_are_a_list(given: str) -> None:
    said = farm("bench", f"--workers={given}")
    assert said.code == Exit.USAGE
    assert "list of numbers" in said.stderr


def _points(drawn: ElementTree.Element) -> list[str]:
    (line,) = drawn.iter(f"{SVG}polyline")
    return line.attrib["points"].split()
