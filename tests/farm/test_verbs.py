"""The farm's verbs before any worker is asked: what they refuse, and in how many words."""

import pytest
from command import farm
from local import host

from farm.errors import Exit, InventoryError
from farm.plan import choose
from farm.show import clock, size

HOSTS = [host("w1"), host("w2")]


@pytest.mark.parametrize("verb", ["busy", "workers", "rebuild"])
def test_an_unknown_inventory_is_one_sentence_and_an_exit_code_of_its_own(verb: str) -> None:
    said = farm(verb, "--inventory", "nowhere")
    assert said.code == Exit.INVENTORY
    assert said.stdout == ""
    assert said.stderr.count("\n") == 1
    assert "no inventory 'nowhere'" in said.stderr


@pytest.mark.parametrize("window", ["0", "soon"])
def test_a_window_is_a_number_of_days_or_all(window: str) -> None:
    said = farm("rebuild", f"--window={window}")
    assert said.code == Exit.USAGE
    assert "neither a number of days nor 'all'" in said.stderr


def test_hosts_are_chosen_by_name() -> None:
    assert choose(HOSTS, None) == tuple(HOSTS)
    assert choose(HOSTS, "w2, w2") == (HOSTS[1],)


@pytest.mark.parametrize("limit", ["w3", "w1,w3", "", ","])
def test_a_limit_that_names_no_worker_is_refused(limit: str) -> None:
    with pytest.raises(InventoryError, match="the workers are w1, w2"):
        choose(HOSTS, limit)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (3.21, "3.2 s"), (59.97, "60.0 s"), (60, "1:00"), (245, "4:05"), (3723, "1:02:03")],
)
def test_durations_are_written_for_people(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (2**30, "1.0 GiB"), (2**42, "4.0 TiB")]
)
def test_sizes_are_written_for_people(number: int, text: str) -> None:
    assert size(number) == text
