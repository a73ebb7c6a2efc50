"""New host keys in the head's known_hosts, beside the old ones and then instead of them."""

import subprocess
from pathlib import Path

import pytest
from test_inventory_check import good, hosts, inventory

from farm.errors import HostKeyError
from farm.inventory import Inventory, load
from farm.provision.pins import change

OLD, NEW, OTHER = (f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{letter * 43}" for letter in "BCD")


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inventory:
    monkeypatch.setenv("FARM_HOME", str(tmp_path / "home"))
    groups = {**good(), "workers": {"hosts": {"w1": {"ansible_host": "192.0.2.1"}, **hosts("w2")["hosts"]}}}
    groups["workers"]["hosts"]["w2"] = {"ansible_host": "192.0.2.2", "ansible_port": 2222}
    made = load(str(inventory(tmp_path, groups)))
    made.home.make()
    return made


def pinned(environment: Inventory) -> list[str]:
    return environment.home.known_hosts.read_text().splitlines()


def pin(environment: Inventory, *lines: str) -> None:
    environment.home.known_hosts.write_text("".join(f"{line}\n" for line in lines))


def test_a_new_key_is_pinned_beside_the_old_one_and_then_alone(environment: Inventory) -> None:
    pin(environment, f"192.0.2.1 {OLD}", f"[192.0.2.2]:2222 {OLD}", f"w1 {OLD}")
    added = change(environment, {"w1": [NEW], "w2": [NEW]}, retire=False)
    assert added["changed"] == ["w1", "w2"]
    assert {f"192.0.2.1 {OLD}", f"192.0.2.1 {NEW}", f"[192.0.2.2]:2222 {OLD}"} < set(pinned(environment))
    assert change(environment, {"w1": [NEW], "w2": [NEW]}, retire=False)["changed"] == []
    retired = change(environment, {"w1": [NEW], "w2": [NEW]}, retire=True)
    assert pinned(environment) == [f"192.0.2.1 {NEW}", f"[192.0.2.2]:2222 {NEW}"]
    assert [line.split()[2] for line in retired["fingerprints"]] == ["192.0.2.1", "[192.0.2.2]:2222"]
    assert change(environment, {"w1": [NEW], "w2": [NEW]}, retire=True)["changed"] == []


def test_what_is_not_this_hosts_alone_stays(environment: Inventory) -> None:
    others = [f"192.0.2.9 {OLD}", f"192.0.2.1,gateway {OTHER}", f"*.example.org {OTHER}", f"@revoked 192.0.2.1 {OTHER}"]
    pin(environment, "# by hand", *others, f"192.0.2.1,w1 {OLD}")
    change(environment, {"w1": [NEW]}, retire=True)
    assert pinned(environment) == ["# by hand", *others, f"192.0.2.1 {NEW}"]


def test_a_hashed_pin_is_retired_too(environment: Inventory) -> None:
    pin(environment, f"192.0.2.1 {OLD}", f"192.0.2.9 {OLD}")
    file = environment.home.known_hosts
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True)
    Path(f"{file}.old").unlink()
    change(environment, {"w1": [NEW]}, retire=True)
    _, kept = sorted(pinned(environment), reverse=True)
    assert kept == f"192.0.2.1 {NEW}"
    assert len(pinned(environment)) == 2


def test_a_host_without_a_new_key_keeps_its_pins(environment: Inventory) -> None:
    pin(environment, f"192.0.2.1 {OLD}")
    with pytest.raises(HostKeyError, match="w1 named no key"):
        change(environment, {"w1": []}, retire=True)
    assert pinned(environment) == [f"192.0.2.1 {OLD}"]
