"""Two of the lab's workers are lent to an environment with a head of its own, and come back to the lab.

There its keys are changed while it works; it is taken away; and the lab, whose inventory then has two bare hosts that
are new to it, takes these in.
"""

import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import pytest
import yaml
from command import Ended, asked, farm
from provisioning import PLAYBOOK, ROOT, ProvisionResult, answer, as_farm, on, playbook, provision, written_since

from farm import lab
from farm.home import Home

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]

LENT = ("w3", "w4")
SERVERS = {"managed_galera": "w3", "managed_cassandra": "w4"}
AT_HOME = sorted({host.name for host in lab.HOSTS} - {*LENT} | {"localhost"})
ROTATE, RESET = "playbooks/rotate_keys.yml", "playbooks/reset.yml"
SSHD_STARTS_ANEW = ("Connection refused", "Connection reset", "Connection closed")
"""What a client may see at the moment in which sshd reads its keys again; a key has no part in it."""
HALVES = "contents do not match public"
"""Said by ssh, which reads both halves of a key, where one changed in between; farm reads the private one alone."""
WAITS = "until test -e /var/lib/farm/go; do sleep 0.05; done"


@dataclass(frozen=True)
class Lent:
    """The environment of the two hosts; FARM_HOME names its head's state as long as it lives."""

    inventory: Path
    lab_home: Path
    """FARM_HOME of the lab that lent them."""

    def play(self, name: str, *arguments: str) -> ProvisionResult:
        return playbook(name, *arguments, inventory=str(self.inventory))


def lent_inventory(folder: Path) -> Path:
    """The lab's own, with these two hosts alone, which are its databases too."""
    path = shutil.copytree(ROOT / "inventory" / "lab", folder / "lab")
    told = yaml.safe_load((path / "hosts.yml").read_text())
    groups = told["all"]["children"]
    told["all"]["hosts"] = {name: told["all"]["hosts"][name] for name in (*LENT, "localhost")}
    groups["workers"]["hosts"] = {name: {} for name in LENT}
    for managed, name in SERVERS.items():
        groups[managed]["hosts"] = {name: {"cassandra_heap_mib": 512, "galera_buffer_pool_mib": 64}}
    (path / "hosts.yml").write_text(yaml.safe_dump(told))
    return path


@contextmanager
def another_head(folder: Path) -> Iterator[None]:
    """A head with the pins and what was built before, and no key and no password."""
    shared, own = Home("lab").root, folder / "lab"
    own.mkdir(mode=0o700, parents=True)
    shutil.copy2(shared / "known_hosts", own / "known_hosts")
    for built in (shared / "releases", shared / "wheels", *shared.glob("cassandra-*")):
        if built.exists():
            (own / built.name).symlink_to(built)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FARM_HOME", str(folder))
        yield


@pytest.fixture(scope="module")
def lent(provisioned: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lent]:
    folder = tmp_path_factory.mktemp("lent")
    lent = Lent(lent_inventory(folder), Home("lab").root.parent)
    try:
        with another_head(folder / "home"):
            try:
                made = lent.play("provision.yml")
                assert made.returncode == 0, made.output
                yield lent
            finally:
                pin_for_the_operator()
                if Home("lab").key.exists():  # some test has failed
                    lent.play(RESET, "-e", "reset_confirmed=true", "-e", "reset_databases=true")
    finally:
        pin_for_the_operator()
        if any(farm_logs_in(host).returncode != 0 for host in LENT):
            back = playbook("provision.yml", "--limit", f"{','.join(LENT)},localhost")
            assert back.returncode == 0, back.output


def pin_for_the_operator() -> None:
    """What `farm lab up` does: the lab's operator, and the head of the moment, pin the keys that the hosts have."""
    for name in LENT:
        lab.pin(name)


def state(host: str) -> str:
    """The farm's side of a host's keys, and its own."""
    return answer(host, "cat ~farm/.ssh/authorized_keys; ls /etc/ssh; cat /etc/ssh/ssh_host_*.pub")


def head_state() -> dict[str, bytes]:
    root = Home("lab").root
    return {str(path.relative_to(root)): path.read_bytes() for path in root.iterdir() if path.is_file()}


def taken_keys(host: str) -> list[str]:
    return answer(host, "cat ~farm/.ssh/authorized_keys").splitlines()


def farm_logs_in(host: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*as_farm(host), "true"], capture_output=True, text=True, check=False, timeout=30)


@dataclass
class Logins:
    """What became of a farm that logged in all the time."""

    tried: int = 0
    refused: list[str] = field(default_factory=list)


@contextmanager
def logging_in() -> Iterator[Logins]:
    """Log in to every lent host again and again, with the key and the pins that the head has at the moment."""
    logins, over = Logins(), Event()

    def go_on(host: str) -> None:
        while not over.is_set():
            done = farm_logs_in(host)
            logins.tried += 1
            if HALVES in done.stderr:
                done = farm_logs_in(host)
            if done.returncode != 0 and not any(word in done.stderr for word in SSHD_STARTS_ANEW):
                logins.refused.append(f"{host}: {done.stderr}")

    with ThreadPoolExecutor() as pool:
        going = [pool.submit(go_on, host) for host in LENT]
        try:
            yield logins
        finally:
            over.set()
        for each in going:
            each.result()


def wait_for_a_task(host: str) -> None:
    deadline = time.monotonic() + 30
    while "until test" not in on(host, "ps -u farm -o args=").stdout:
        assert time.monotonic() < deadline, f"no task runs on {host}"
        time.sleep(0.1)


def test_check_mode_of_a_rotation_and_of_a_reset_says_something_and_changes_nothing(lent: Lent) -> None:
    before, moment = head_state(), time.time()
    for name, options in ((ROTATE, ["-e", "rotate_host_keys=true"]), (RESET, ["-e", "reset_databases=true"])):
        done = lent.play(name, "--check", *options)
        assert done.returncode == 0, done.output
        assert all(done.changed[host] > 0 for host in (*LENT, "localhost"))
    apart = ("/var/lib/mysql", "/var/lib/cassandra")  # the servers go on writing
    written = {host: [path for path in written_since(moment, host) if not path.startswith(apart)] for host in LENT}
    assert [path for paths in written.values() for path in paths] == []
    assert head_state() == before


@dataclass(frozen=True)
class Rotated:
    before: dict[str, str]
    played: ProvisionResult
    pins: list[str]
    logins: Logins
    run: Ended
    """Of eight tasks, four of which waited until the rotation was over."""


@pytest.fixture(scope="module")
def rotated(lent: Lent, tmp_path_factory: pytest.TempPathFactory) -> Rotated:
    tasks = tmp_path_factory.mktemp("tasks") / "tasks"
    tasks.write_text(f"{WAITS}\n" * 8)
    before = {host: state(host) for host in LENT}
    with ThreadPoolExecutor() as pool:
        run = pool.submit(farm, "run", str(tasks), "--inventory", str(lent.inventory), "--json")
        try:
            for host in LENT:
                wait_for_a_task(host)
            with logging_in() as logins:
                played = lent.play(ROTATE, "-e", "rotate_host_keys=true")
            pins = Home("lab").known_hosts.read_text().splitlines()
        finally:
            pin_for_the_operator()
            for host in LENT:
                answer(host, "touch /var/lib/farm/go")
        return Rotated(before, played, pins, logins, run.result())


def test_a_rotation_leaves_one_key_that_opens_every_host_and_one_that_every_host_shows(rotated: Rotated) -> None:
    assert rotated.played.returncode == 0, rotated.played.output
    key = Home("lab").key
    for host in LENT:
        assert taken_keys(host) == [f"restrict {key.with_suffix('.pub').read_text().strip()}"]
        shown = answer(host, "cat /etc/ssh/ssh_host_*_key.pub").splitlines()
        address = lab.find(host).address
        own = sorted(line for line in rotated.pins if line.startswith(f"{address} "))
        assert own == sorted(f"{address} {' '.join(line.split()[:2])}" for line in shown)
        assert not set(state(host).splitlines()) & {
            line for line in rotated.before[host].splitlines() if line.startswith(("restrict ", "ssh-", "ecdsa-"))
        }
        assert "next" not in state(host)
        assert farm_logs_in(host).returncode == 0
    assert sorted(path.name for path in key.parent.glob("id_*")) == ["id_ed25519", "id_ed25519.pub"]


def test_at_every_moment_of_a_rotation_the_heads_key_and_pins_let_it_in(rotated: Rotated) -> None:
    assert rotated.logins.refused == []
    assert rotated.logins.tried > 20


def test_a_run_goes_on_while_keys_are_changed(rotated: Rotated) -> None:
    assert rotated.run.code == 0, rotated.run.stderr
    assert rotated.run.json()["done"] == 8


def killed_at(lent: Lent, task: str, *arguments: str) -> None:
    """Run the rotation until it begins a task, and kill it there."""
    words = [*PLAYBOOK, "-i", str(lent.inventory), ROTATE, *arguments]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    with process:
        reached = any(task in line for line in process.stdout)
        process.kill()
    assert reached, task


def test_a_rotation_killed_at_any_moment_lets_the_farm_in_and_is_ended_by_the_next(lent: Lent) -> None:
    for task in ("farm_user : The farm's key opens", "The next key opens every host", "Next keys are shown"):
        killed_at(lent, task, "-e", "rotate_host_keys=true")
        assert [done.stderr for done in map(farm_logs_in, LENT) if done.returncode != 0] == []
    done = lent.play(ROTATE, "-e", "rotate_host_keys=true")
    pin_for_the_operator()
    assert done.returncode == 0, done.output
    for host in LENT:
        assert len(taken_keys(host)) == 1
        assert "next" not in state(host)
        assert farm_logs_in(host).returncode == 0
    assert sorted(path.name for path in Home("lab").root.glob("id_*")) == ["id_ed25519", "id_ed25519.pub"]


@pytest.fixture(scope="module")
def reset(lent: Lent, rotated: Rotated) -> str:
    words = [*PLAYBOOK, "-i", str(lent.inventory), RESET, "-e", "reset_databases=true"]
    code, said = asked(words, "lab")
    assert code == 0, said
    return said


def test_a_reset_that_nobody_confirms_takes_nothing(lent: Lent, rotated: Rotated) -> None:
    done = lent.play(RESET)
    assert done.returncode == 2
    assert "Nothing was taken away: that needs the name lab typed" in " ".join(done.stdout.split())
    assert not any(done.changed.values())
    assert farm_logs_in("w4").returncode == 0


def test_a_reset_asks_with_the_names_of_what_it_takes_from_and_a_second_one_changes_nothing(
    lent: Lent, reset: str
) -> None:
    asked = " ".join(reset.split())
    assert "brought to w3, w4, this head is going to be taken away" in asked, reset
    assert "With the databases of w4, w3, and all that they hold." in asked
    again = lent.play(RESET, "-e", "reset_confirmed=true", "-e", "reset_databases=true")
    assert again.returncode == 0, again.output
    assert not any(again.changed.values()), again.stdout


@pytest.mark.parametrize("host", LENT)
def test_after_a_reset_nothing_of_the_farm_is_on_a_host(reset: str, host: str) -> None:
    for name in ("farm", "cassandra"):
        assert on(host, f"getent passwd {name} || getent group {name}").returncode == 2
    gone = "/opt/farm /etc/farm /var/lib/farm /home/farm /opt/cassandra* /var/lib/cassandra /etc/mysql/farm"
    units = "/etc/systemd/system/cassandra.service /etc/mysql/mariadb.conf.d/60-farm.cnf"
    assert answer(host, f"ls -d {gone} {units} 2>/dev/null || true") == ""
    assert answer(host, "ps -e -o args= | grep -c '[C]assandraDaemon\\|[m]ariadbd' || true") == "0"


def test_after_a_reset_the_head_has_its_runs_and_the_hosts_keys(reset: str) -> None:
    root = Home("lab").root
    assert {path.name for path in root.iterdir()} == {"known_hosts", "runs"}
    assert len(list((root / "runs").iterdir())) == 1


def test_hosts_added_to_an_inventory_are_brought_in_and_no_other_host_changes(reset: str, lent: Lent) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FARM_HOME", str(lent.lab_home))
        pin_for_the_operator()
        done = provision()
        assert done.returncode == 0, done.output
        assert {host: done.changed[host] for host in AT_HOME} == dict.fromkeys(AT_HOME, 0)
        assert all(done.changed[host] >= 5 for host in LENT)
        told = farm("workers", "--json").json()
    assert {worker["name"]: worker["error"] for worker in told["workers"]} == dict.fromkeys(("w1", "w2", *LENT))
    assert len({worker["release"] for worker in told["workers"]}) == 1
