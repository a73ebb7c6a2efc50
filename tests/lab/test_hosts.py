"""What a lab's host is when it has just been made."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from elsewhere import Machine

from farm.lab import HOSTS, image
from farm.lab.operator import KEY

pytestmark = pytest.mark.lab


def each_says(machine: Machine, script: str) -> list[str]:
    with ThreadPoolExecutor(len(HOSTS)) as pool:
        return list(pool.map(lambda host: machine.says(host.name, script), HOSTS))


def test_its_systemd_says_running_and_no_unit_failed(spare: Machine) -> None:
    script = "systemctl is-system-running; systemctl list-units --failed --plain --no-legend"
    assert each_says(spare, script) == ["running"] * len(HOSTS)


def test_it_is_itself_and_no_other(spare: Machine) -> None:
    names = [host.name for host in HOSTS]
    assert each_says(spare, "hostname") == names
    for own in ("cat /etc/machine-id", "cat /etc/ssh/ssh_host_ed25519_key.pub", "cat /proc/sys/kernel/random/boot_id"):
        assert len(set(each_says(spare, own))) == len(HOSTS)


def test_it_knows_nothing_but_its_operators_key(spare: Machine) -> None:
    key = spare.run("cat", f"{KEY}.pub").strip()
    assert each_says(spare, "cat /root/.ssh/authorized_keys; ls /home /opt /etc/ssh/ssh_host_*") == [
        f"{key}\n/etc/ssh/ssh_host_ed25519_key\n/etc/ssh/ssh_host_ed25519_key.pub\n\n/home:\n\n/opt:"
    ] * len(HOSTS)


def test_its_address_leads_to_the_lab_alone(spare: Machine) -> None:
    for host in HOSTS:
        routes = spare.says(host.name, "ip -oneline route; ip -oneline -6 addr show dev host0")
        assert routes == f"198.18.77.0/24 dev host0 proto kernel scope link src {host.address}"
    assert spare.run("cat", "/proc/sys/net/ipv4/conf/farmlab0/forwarding") == "0\n"


def test_its_disk_has_a_size_of_its_own(spare: Machine) -> None:
    for host in HOSTS:
        size = int(spare.says(host.name, "df --block-size=1 --output=size / | tail -1"))
        assert 0.95 * host.disk < size <= host.disk


def test_a_unit_of_the_same_name_on_another_host_is_another_unit(spare: Machine) -> None:
    for name in ("w1", "w2"):
        spare.says(name, "systemd-run --quiet --unit=twin sleep infinity")
    spare.says("w1", "systemctl stop twin")
    assert spare.says("w2", "systemctl is-active twin; systemctl stop twin") == "active"


def test_it_has_the_packages_that_the_roles_name_with_their_services_masked(spare: Machine) -> None:
    assert {"galera-4", "openjdk-17-jre-headless", "python3-venv"} <= set(image.packages())
    spare.says("w1", f"dpkg --status {' '.join(image.packages())} > /dev/null")
    assert spare.says("g1", "systemctl is-enabled mariadb || true") == "masked"
