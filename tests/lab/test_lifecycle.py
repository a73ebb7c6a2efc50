"""A lab's beginning and end, on another machine within this one."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from elsewhere import Machine

from farm.errors import Exit
from farm.lab.state import CHECKOUT, ROOT
from farm.lab.topology import HOSTS

pytestmark = pytest.mark.lab

TRACES = {
    "processes": "ps -eo pid=,args= | grep -E 'systemd|sshd|nspawn|mmdebstrap' | grep -v grep",
    "mounts": f"findmnt --raw --noheadings --output TARGET | grep {ROOT}/hosts",
    "loop devices": f"losetup --list --noheadings --output NAME,BACK-FILE | grep {ROOT}",
    "links": "ls /sys/class/net | grep -vx lo",
    "cgroups": "find /sys/fs/cgroup -name 'farm-lab*'",
    "files": f"ls -A {ROOT} | grep -vx image; ls {ROOT}/image | grep part",
    "pins": "cat $FARM_HOME/lab/known_hosts",
    "nspawn's own files": "find /run/systemd/nspawn",
}


Traces = dict[str, set[str]]


def traces(machine: Machine) -> Traces:
    """All that a lab may leave on a machine beside its image, and what is there anyhow."""
    return {what: set(machine.run("sh", "-c", f"{script} 2>&1; true").splitlines()) for what, script in TRACES.items()}


def new_since(before: Traces, machine: Machine) -> Traces:
    """What has come since ``before``. (Loop devices, which all namespaces share, may also have gone.)"""
    return {what: lines - before[what] for what, lines in traces(machine).items() if lines - before[what]}


def up(machine: Machine, checkout: Path = CHECKOUT, **environment: str) -> str:
    """Make the lab; returns what `up` said."""
    done = machine.farm("lab", "up", checkout=checkout, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def identity(machine: Machine) -> str:
    """What differs from one boot of any host to another, and from one lab to another."""
    files = "state.json operator/known_hosts hosts/*/root/etc/machine-id"
    return machine.run("sh", "-c", f"cd {ROOT} && cat {files} && pgrep -x systemd")


def another_checkout(folder: Path) -> Path:
    for part in ("farm", "roles"):
        shutil.copytree(CHECKOUT / part, folder / part)
    return folder


def test_a_lab_comes_up_as_running_and_its_end_leaves_nothing_but_the_image(any_machine: Machine) -> None:
    before = traces(any_machine)
    up(any_machine)
    assert any_machine.states() == {host.name: "running" for host in HOSTS}
    assert new_since(before, any_machine).keys() == TRACES.keys()
    down = any_machine.farm("lab", "down")
    assert down.returncode == 0, down.stderr
    assert new_since(before, any_machine) == {}
    assert any_machine.run("ls", f"{ROOT}/image")


def test_up_twice_even_at_once_makes_one_lab_and_takes_every_fault_back(elsewhere: Machine) -> None:
    for one in [subprocess.Popen(elsewhere.farm_command("lab", "up"), stderr=subprocess.DEVNULL) for _ in range(2)]:
        with one:
            assert one.wait(timeout=60) == 0
    before = identity(elsewhere)
    up(elsewhere)
    assert identity(elsewhere) == before
    broken = {"kill": "w1", "freeze": "w2", "cut": "w3", "fill": "w4", "rekey": "c1"}
    for fault, host in broken.items():
        assert elsewhere.farm("lab", fault, host).returncode == 0
    assert elsewhere.states() == {
        **{host.name: "running" for host in HOSTS},
        "w1": "dead",
        "w2": "frozen",
        "w3": "cut",
        "w4": "full",
        "c1": "rekeyed",
    }
    assert elsewhere.farm("lab", "status").returncode == Exit.LAB
    said = up(elsewhere)
    assert all(host in said for host in broken.values())
    assert set(elsewhere.states().values()) == {"running"}
    assert elsewhere.farm("lab", "status").returncode == Exit.OK


INTERRUPTIONS = ("state.json", "operator/id_ed25519", "hosts/w3/disk", "hosts/w1/console.log", "hosts/g3/console.log")
"""What `up` makes one after the other; it is killed as each appears."""


def killed_as_it_makes(path: str, machine: Machine, tmp_path: Path) -> None:
    mine = tmp_path / "pid"
    killed = machine.farm_command("lab", "up")
    at = killed.index(sys.executable)
    killed[at:at] = ["sh", "-c", f'echo $$ > {mine} && exec "$@"', "sh"]
    started = time.time()

    def fresh(made: Path) -> bool:
        """Whether this `up` made it, not one before."""
        return made.exists() and made.stat().st_mtime >= started

    with subprocess.Popen(killed, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as running:
        while not fresh(machine.lab / path):
            time.sleep(0.005)
        machine.run("kill", "-KILL", mine.read_text().strip())
        assert running.wait(timeout=20) != 0


def test_an_interrupted_up_is_cleaned_up_by_the_next_one(elsewhere: Machine, tmp_path: Path) -> None:
    before = traces(elsewhere)
    for path in INTERRUPTIONS:
        killed_as_it_makes(path, elsewhere, tmp_path)
        assert elsewhere.farm("lab", "status").returncode == Exit.LAB
    up(elsewhere)
    assert set(elsewhere.states().values()) == {"running"}
    assert elsewhere.farm("lab", "down").returncode == 0
    assert new_since(before, elsewhere) == {}


def test_a_living_lab_is_refused_to_another_checkout_while_its_owner_exists(elsewhere: Machine, tmp_path: Path) -> None:
    owner = another_checkout(tmp_path / "owner")
    up(elsewhere, checkout=owner)
    before = identity(elsewhere)
    for verb in (["up"], ["down"], ["kill", "w1"]):
        refused = elsewhere.farm("lab", *verb)
        assert refused.returncode == Exit.LAB
        assert str(owner) in refused.stderr
    assert identity(elsewhere) == before
    shutil.rmtree(owner)
    up(elsewhere)
    assert set(elsewhere.states().values()) == {"running"}
    assert str(CHECKOUT) in elsewhere.farm("lab", "status").stdout


def test_a_test_runs_lab_dies_with_the_run(elsewhere: Machine, tmp_path: Path) -> None:
    run = elsewhere.command("sh", "-c", f"echo $$ > {tmp_path}/pid; read -r end")
    with subprocess.Popen(run, stdin=subprocess.PIPE) as running:
        while not (tmp_path / "pid").exists():
            time.sleep(0.01)
        up(elsewhere, FARM_LAB_HOLDER=(tmp_path / "pid").read_text().strip())
        before = identity(elsewhere)
        other = another_checkout(tmp_path / "other")
        assert elsewhere.farm("lab", "up", checkout=other).returncode == Exit.LAB
        assert identity(elsewhere) == before
        running.communicate(timeout=20)
    up(elsewhere, checkout=other)
    assert identity(elsewhere) != before


def test_an_image_that_cannot_be_built_says_so_and_leaves_nothing(elsewhere: Machine, tmp_path: Path) -> None:
    before = traces(elsewhere)
    checkout = another_checkout(tmp_path / "checkout")
    (checkout / "roles/galera/defaults/main.yml").write_text("galera_packages: [no-such-package-anywhere]\n")
    failed = elsewhere.farm("lab", "up", checkout=checkout)
    assert failed.returncode == Exit.LAB
    assert "image could not be built" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert elsewhere.farm("lab", "down", checkout=checkout).returncode == 0
    assert new_since(before, elsewhere) == {}


def test_purge_takes_the_image_too(elsewhere: Machine) -> None:
    assert elsewhere.farm("lab", "down", "--purge").returncode == 0
    assert elsewhere.run("find", str(ROOT), "-mindepth", "1") == f"{ROOT}/image\n", "a mount point of this test's own"
