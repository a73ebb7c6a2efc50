"""Every fault of a host shows its effect and can be taken back, and no other host notices."""

import time
from collections.abc import Iterator

import pytest
from elsewhere import Machine

from farm.errors import Exit
from farm.lab import HOSTS
from farm.lab.state import ROOT

pytestmark = pytest.mark.lab

VICTIM = "w4"
ADDRESS = "198.18.77.14"
OTHERS = ("w1", "c1", "g3")
BOOT = "cat /proc/sys/kernel/random/boot_id"


@pytest.fixture(autouse=True)
def no_other_host_notices(spare: Machine) -> Iterator[None]:
    """All hosts run in the end, and the others never booted."""
    before = {host: spare.says(host, BOOT) for host in OTHERS}
    yield
    left = spare.states()
    if set(left.values()) != {"running"}:
        lab(spare, "up")
    assert left == {host.name: "running" for host in HOSTS}
    assert {host: spare.says(host, BOOT) for host in OTHERS} == before


def lab(machine: Machine, *argv: str) -> None:
    done = machine.farm("lab", *argv)
    assert done.returncode == 0, done.stderr


def only_victim_is(state: str, machine: Machine) -> None:
    assert machine.states() == {host.name: state if host.name == VICTIM else "running" for host in HOSTS}


@pytest.fixture
def pulse(spare: Machine) -> Iterator[None]:
    """A process on the victim that writes the time, over and over, for as long as it runs."""
    script = "while :; do date +%s%N > /root/.pulse && mv /root/.pulse /root/pulse; sleep 0.02; done"
    spare.says(VICTIM, f"systemd-run --quiet --unit=pulse sh -c '{script}'; until test -e /root/pulse; do :; done")
    yield
    spare.says(VICTIM, "systemctl stop pulse; rm /root/pulse")


def beats(machine: Machine) -> bool:
    """Whether the victim's pulse goes on, seen past its network."""
    seen = []
    for _ in range(2):
        seen.append(machine.run("cat", f"{ROOT}/hosts/{VICTIM}/root/root/pulse"))
        time.sleep(0.5)
    return seen[0] != seen[1]


def connects(machine: Machine) -> bool:
    """Whether the victim's kernel takes a connection to its sshd."""
    script = f"timeout 1 bash -c '</dev/tcp/{ADDRESS}/22' 2>/dev/null && echo yes || echo no"
    return machine.run("sh", "-c", script) == "yes\n"


def test_a_killed_host_is_dead_until_it_is_started_with_what_its_disk_holds(spare: Machine) -> None:
    before = spare.says(VICTIM, f"echo kept > /root/kept; {BOOT}")
    lab(spare, "kill", VICTIM)
    only_victim_is("dead", spare)
    assert not connects(spare)
    lab(spare, "start", VICTIM)
    assert spare.says(VICTIM, "cat /root/kept; rm /root/kept") == "kept"
    assert spare.says(VICTIM, BOOT) != before


def test_start_leaves_a_living_host_alone(spare: Machine) -> None:
    before = spare.says(VICTIM, BOOT)
    lab(spare, "start", VICTIM)
    assert spare.says(VICTIM, BOOT) == before


@pytest.mark.parametrize("who", ["operator", "head"])
def test_a_reboot_stops_units_in_order_and_boots_again(spare: Machine, who: str) -> None:
    unit = "systemd-run --quiet --unit=witness -p 'ExecStop=touch /root/stopped' sleep infinity"
    before = spare.says(VICTIM, f"{unit}; {BOOT}")
    if who == "head":
        lab(spare, "reboot", VICTIM)
    else:
        spare.on(VICTIM, "systemctl reboot")
        end = time.monotonic() + 60
        while spare.on(VICTIM, BOOT).stdout.strip() in (before, ""):
            assert time.monotonic() < end
    assert spare.says(VICTIM, BOOT) != before
    spare.says(VICTIM, "rm /root/stopped")


def test_a_frozen_host_stands_still_while_its_address_answers(spare: Machine, pulse: None) -> None:
    assert beats(spare)
    lab(spare, "freeze", VICTIM)
    only_victim_is("frozen", spare)
    assert not beats(spare)
    assert connects(spare)
    lab(spare, "thaw", VICTIM)
    assert beats(spare)


def test_a_frozen_host_can_be_killed(spare: Machine) -> None:
    lab(spare, "freeze", VICTIM)
    lab(spare, "kill", VICTIM)
    only_victim_is("dead", spare)
    lab(spare, "start", VICTIM)


def test_a_host_that_is_cut_off_runs_on_alone(spare: Machine, pulse: None) -> None:
    lab(spare, "cut", VICTIM)
    only_victim_is("cut", spare)
    assert beats(spare)
    assert not connects(spare)
    lab(spare, "heal", VICTIM)
    assert connects(spare)


def test_a_healed_host_is_asked_for_anew_although_it_was_asked_for_in_vain(spare: Machine) -> None:
    known = ("ip", "neighbour", "show", "to", ADDRESS)
    lab(spare, "cut", VICTIM)
    in_vain = f"ip neighbour flush to {ADDRESS}; ! timeout 8 bash -c '</dev/tcp/{ADDRESS}/22'"
    spare.run("bash", "-c", in_vain)
    assert "FAILED" in spare.run(*known)
    lab(spare, "heal", VICTIM)
    assert "FAILED" not in spare.run(*known)
    assert connects(spare)


def test_a_full_disk_is_one_hosts_own(spare: Machine) -> None:
    write = "dd if=/dev/zero of=/var/tmp/probe bs=4k count=16 conv=fsync 2>&1; rm -f /var/tmp/probe"
    lab(spare, "fill", VICTIM)
    only_victim_is("full", spare)
    assert "No space left on device" in spare.on(VICTIM, write).stdout
    assert "No space left on device" not in spare.says("w3", write)
    lab(spare, "unfill", VICTIM)
    assert "No space left on device" not in spare.says(VICTIM, write)


def test_a_host_with_another_key_is_refused_until_that_is_pinned(spare: Machine) -> None:
    lab(spare, "rekey", VICTIM)
    only_victim_is("rekeyed", spare)
    refused = spare.on(VICTIM, "true")
    assert refused.returncode != 0
    assert "HOST IDENTIFICATION HAS CHANGED" in refused.stderr
    lab(spare, "reboot", VICTIM)
    only_victim_is("rekeyed", spare)
    lab(spare, "rekey", VICTIM, "--pin")
    spare.says(VICTIM, "true")
    pinned = (spare.home / "lab/known_hosts").read_text()
    assert spare.run("cat", f"{ROOT}/operator/known_hosts") == pinned


def test_a_dead_host_cannot_be_hurt_and_the_error_says_what_to_do(spare: Machine) -> None:
    lab(spare, "kill", VICTIM)
    for fault in ("kill", "freeze", "thaw", "cut", "heal", "reboot"):
        refused = spare.farm("lab", fault, VICTIM)
        assert refused.returncode == Exit.LAB
        assert f"farm lab start {VICTIM}" in refused.stderr
    lab(spare, "start", VICTIM)


def test_an_unknown_host_is_named_beside_those_that_there_are(spare: Machine) -> None:
    refused = spare.farm("lab", "kill", "w9")
    assert refused.returncode == Exit.LAB
    assert "'w9'" in refused.stderr
    assert "w1, w2, w3, w4, c1, g1, g2, g3" in refused.stderr
    assert "Traceback" not in refused.stderr
