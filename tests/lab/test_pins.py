"""The pins of the lab's hosts in a known_hosts that may hold others'."""

from pathlib import Path

import pytest

from farm.home import Home
from farm.lab import find, operator

W1, W2 = find("w1"), find("w2")


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARM_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(operator, "FOLDER", tmp_path / "operator")
    monkeypatch.setattr(operator, "KNOWN_HOSTS", tmp_path / "operator/known_hosts")


def lines() -> list[str]:
    return Home("lab").known_hosts.read_text().splitlines()


def test_a_pin_replaces_the_hosts_own_and_keeps_all_others() -> None:
    Home("lab").make()
    Home("lab").known_hosts.write_text("loader.example.org ssh-ed25519 AAAA1\n198.18.77.11 ssh-ed25519 AAAA2\n")
    assert operator.pin({W1: "ssh-ed25519 AAAA3 w1\n", W2: "ssh-ed25519 AAAA4 w2\n"})
    assert lines() == [
        "loader.example.org ssh-ed25519 AAAA1",
        "198.18.77.11 ssh-ed25519 AAAA3",
        "198.18.77.12 ssh-ed25519 AAAA4",
    ]
    assert Home("lab").known_hosts.stat().st_mode & 0o777 == 0o600


def test_the_same_pin_again_changes_nothing() -> None:
    assert operator.pin({W1: "ssh-ed25519 AAAA3 w1\n"})
    before = Home("lab").known_hosts.stat()
    assert not operator.pin({W1: "ssh-ed25519 AAAA3 w1\n"})
    assert Home("lab").known_hosts.stat() == before
    assert operator.is_pinned(W1, "ssh-ed25519 AAAA3 w1\n")
    assert not operator.is_pinned(W1, "ssh-ed25519 AAAA5 w1\n")


def test_with_the_lab_its_pins_go_and_the_others_stay() -> None:
    operator.pin({W1: "ssh-ed25519 AAAA3 w1\n"})
    with Home("lab").known_hosts.open("a") as file:
        file.write("loader.example.org ssh-ed25519 AAAA1\n")
    operator.unpin()
    assert lines() == ["loader.example.org ssh-ed25519 AAAA1"]
