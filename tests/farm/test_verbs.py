"""The farm's verbs before any worker is asked: what they refuse, and in how many words."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from command import farm
from local import LocalTransport, host

from farm.errors import Exit, InventoryError
from farm.execute import muster
from farm.plan import choose
from farm.show import clock, size
from farm.worker.slots import Slots

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


def test_a_worker_has_the_slots_that_the_run_or_its_inventory_gives_it_or_one_a_core(tmp_path: Path) -> None:
    hosts = [replace(host("w1"), slots=3), host("w2")]
    for each in hosts:
        (tmp_path / each.name).mkdir()
    reports, workers = muster(hosts, None, LocalTransport(tmp_path))
    assert [report.error for report in reports] == [None, None]
    assert [worker.slots for worker in workers] == [3, os.cpu_count()]
    assert [worker.slots for worker in muster(hosts, 5, LocalTransport(tmp_path))[1]] == [5, 5]


def test_slots_in_use_are_counted_on_the_worker(tmp_path: Path) -> None:
    slots = Slots(tmp_path / "w1" / "slots")
    assert slots.take(4)
    assert slots.take(4)
    ((report,), _) = muster([host("w1")], None, LocalTransport(tmp_path))
    assert report.facts
    assert report.facts.busy == 2


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
