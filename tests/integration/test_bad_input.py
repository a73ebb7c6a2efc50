"""Bad input ends in one clear sentence, an exit code of its own, and no traceback."""

from pathlib import Path

import pytest
from command import Ended, farm

from farm.errors import Exit

HOSTS = """
workers:
  hosts:
    w1: {ansible_host: 127.0.0.1}
loader:
  hosts:
    head: {ansible_connection: local}
"""


def refused(ended: Ended, code: Exit, *said: str) -> None:
    assert ended.code == code, ended.stderr
    assert "Traceback" not in ended.stderr
    last = ended.stderr.strip().splitlines()[-1]
    assert all(each in ended.stderr for each in said), ended.stderr
    assert last.startswith("farm: ")
    assert ended.stdout == ""


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


def test_an_unknown_inventory_is_named_with_those_that_exist() -> None:
    refused(farm("rebuild", "--inventory", "nowhere"), Exit.INVENTORY, "nowhere", "lab", "prod")


def test_an_empty_inventory_is_refused(inventory: Path) -> None:
    refused(farm("rebuild", "--inventory", str(inventory)), Exit.INVENTORY, "empty")


def test_a_group_without_hosts_is_named(inventory: Path) -> None:
    (inventory / "hosts.yml").write_text("loader:\n  hosts:\n    head: {ansible_connection: local}\n")
    refused(farm("rebuild", "--inventory", str(inventory)), Exit.INVENTORY, "workers")


@pytest.mark.parametrize(
    "value", ["\"{{ lookup('env', 'HOST') }}\"", "!vault |\n        $ANSIBLE_VAULT;1.1;AES256\n        3031"]
)
def test_a_connection_variable_that_is_no_literal_is_named_with_its_host(inventory: Path, value: str) -> None:
    (inventory / "hosts.yml").write_text(f"workers:\n  hosts:\n    w1:\n      ansible_host: {value}\n")
    refused(farm("workers", "--inventory", str(inventory)), Exit.INVENTORY, "ansible_host", "w1", "literal")


def test_a_run_that_does_not_exist_is_named(inventory: Path) -> None:
    (inventory / "hosts.yml").write_text(HOSTS)
    refused(farm("load", "20200101T000000Z-rebuild-0000", "--inventory", str(inventory)), Exit.RUN, "20200101T000000Z")


def test_alerts_that_are_not_there_are_named(tmp_path: Path) -> None:
    refused(farm("demo", "--alerts", str(tmp_path / "none.parquet")), Exit.INPUT, "none.parquet")


def test_foreign_alerts_are_refused_before_a_lab_is_made(tmp_path: Path) -> None:
    foreign = tmp_path / "alerts.parquet"
    foreign.write_text("these are no alerts")
    refused(farm("demo", "--alerts", str(foreign)), Exit.INPUT, str(foreign))


@pytest.mark.parametrize("verb", ["rebuild", "workers", "busy"])
def test_a_lab_that_is_not_up_is_said_before_anything_is_sent(inventory: Path, verb: str) -> None:
    (inventory / "hosts.yml").write_text(
        "all:\n  vars: {farm_lab_bridge: farmnone0}\nworkers:\n  hosts:\n    w1: {ansible_host: 198.18.99.11}\n"
    )
    refused(farm(verb, "--inventory", str(inventory)), Exit.LAB, "farm lab up")


@pytest.mark.lab
def test_a_run_of_another_environment_is_refused(provisioned: None, inventory: Path, tmp_path: Path) -> None:
    run = farm("busy", "--inventory", "lab", "--tasks", "1", "--seconds", "0", "--json").json()["run"]
    (inventory / "hosts.yml").write_text(HOSTS)
    refused(farm("load", run, "--inventory", str(inventory)), Exit.RUN, run, "--inventory lab")


@pytest.mark.lab
def test_foreign_alerts_are_refused_before_anything_is_seeded(provisioned: None, tmp_path: Path) -> None:
    foreign = tmp_path / "alerts.parquet"
    foreign.write_text("these are no alerts")
    refused(farm("lab", "seed", "--from", str(foreign), "--replace"), Exit.INPUT, str(foreign))
    refused(farm("lab", "seed", "--from", str(tmp_path / "none.avro")), Exit.INPUT, "none.avro")
