"""A new release on its way to the lab's workers: its gate, runs meanwhile, hosts that are lost, an end by force."""

import fcntl
import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from command import ROOT, Ended, asked, farm
from heads import Head, Living, books, eventually, on, past_network, rows
from light_curves import Seeded
from provisioning import PLAYBOOK, RECAP

from farm import lab
from farm.errors import Exit
from farm.home import Home
from farm.release import Target, digest

pytestmark = [pytest.mark.timeout(400)]

WORKERS = ("w1", "w2", "w3", "w4")
SOURCES = ("farm", "features", "playbooks", "roles", "inventory", "requirements")
FILES = ("ansible.cfg", "pyproject.toml", "README.md", "LICENSE")
SHIFT = 0.25
MEANS = ("maggmean", "magrmean")
MOVED = ("features/ztf/magnitudes.py", "segments.mean(mag)", f"segments.mean(mag) + {SHIFT}")
LINKS = "cd /opt/farm; readlink current; readlink previous || echo none"
GO = "/tmp/go"
"""On a worker: lets the tasks of a run end."""
TASKS = 12
SECONDS = 200
COMMAND = f'dirname "$(dirname "$(command -v farm-agent)")" > "$FARM_OUT/out"; until [ -e {GO} ]; do sleep 0.1; done'


@dataclass(frozen=True)
class Changed:
    """A checkout of the project whose code moves two features."""

    root: Path
    before: str
    """Digests: the release that all workers had, and that of these sources."""
    after: str

    def farm(self, *arguments: str) -> Ended:
        return farm(*arguments, PYTHONPATH=str(self.root))

    def upgrade(self, *options: str) -> "Upgrading":
        words = [Path(sys.executable).with_name("farm"), "upgrade", "--accept-drift", "--json", *options]
        said = self.root / "stderr"
        with said.open("w") as file:
            process = subprocess.Popen(
                words,
                cwd=self.root,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                env=os.environ | {"PYTHONPATH": str(self.root)},
                start_new_session=True,
            )
        return Upgrading(process, said)

    def confirmed(self) -> str:
        """Upgrade at a terminal, saying yes when asked; what the terminal showed."""
        code, shown = asked([Path(sys.executable).with_name("farm"), "upgrade"], "yes", PYTHONPATH=str(self.root))
        assert code == 0, shown
        assert "Type yes to go on" in shown
        return shown


@dataclass(frozen=True)
class Upgrading:
    """An upgrade that goes on."""

    process: subprocess.Popen[str]
    said: Path

    def until(self, host: str, command: str, wanted: str) -> None:
        """Wait for a command to say that on a host, by a way that a cut does not end."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            if past_network(host, f"{command}; true").strip() == wanted:
                return
            time.sleep(0.02)
        raise AssertionError(f"{host} did not say {wanted} to {command} meanwhile:\n{self.said.read_text()}")

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()
        eventually(nobody_is_at_work, "what Ansible had begun on the head has ended")

    def ended(self) -> Ended:
        out, _ = self.process.communicate(timeout=SECONDS)
        return Ended(self.process.returncode, out, self.said.read_text())


def nobody_is_at_work() -> bool:
    with (Home("lab").root / "playbook.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def current(*hosts: str) -> set[str]:
    """Digests of what is current on these workers."""
    return {Path(on(host, "readlink /opt/farm/current").strip()).name for host in hosts or WORKERS}


def move_golden(file: Path) -> None:
    """As whoever changes a definition does: the reference says the new values."""
    told = json.loads(gzip.decompress(file.read_bytes()))
    for values in (each for window in told["values"].values() for each in window.values()):
        for name in MEANS:
            at = told["features"].index(name)
            values[at] = values[at] and values[at] + SHIFT
    file.write_bytes(gzip.compress(json.dumps(told).encode()))


def restore(worker: str, links: str) -> None:
    now, former = links.split()
    on(worker, f"cd /opt/farm; ln -sfn {now} new && mv -T new current")
    on(worker, f"cd /opt/farm; rm -f previous; [ {former} = none ] || ln -s {former} previous")


@pytest.fixture(scope="module")
def changed(seeded: Seeded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Changed]:
    """No trace of its release is left in the end, on the head or on a worker."""
    root = tmp_path_factory.mktemp("changed")
    for name in SOURCES:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copyfile(ROOT / name, root / name)
    file, old, new = MOVED
    text = (root / file).read_text()
    assert text.count(old) == 1
    (root / file).write_text(text.replace(old, new))
    move_golden(root / "features" / "ztf" / "golden.json.gz")
    told = json.loads(on("w1", "cat /opt/farm/current/RELEASE.json"))
    made = Changed(root, told["digest"], digest(root, Target(told["python"], told["platform"])))
    assert current() == {made.before} != {made.after}
    yield made
    for worker in WORKERS:
        on(worker, f"rm -rf /opt/farm/releases/{made.after}")
    shutil.rmtree(Home("lab").releases / made.after, ignore_errors=True)
    (Home("lab").root / "upgrade.json").unlink(missing_ok=True)


@pytest.fixture(autouse=True)
def as_before(changed: Changed) -> Iterator[None]:
    """Each test begins and ends with the release that the workers had."""
    before = {worker: on(worker, LINKS) for worker in WORKERS}
    for worker in WORKERS:
        on(worker, f"rm -f {GO}")
    yield
    for worker, links in before.items():
        restore(worker, links)


@contextmanager
def a_run(scratch: Path) -> Iterator[Living]:
    """A run with work on every worker; its tasks tell their release, and end when they may."""
    tasks = [{"id": f"t{each}", "command": COMMAND} for each in range(TASKS)]
    with Head(Home("lab").root.parent, scratch).running(tasks, "--fetch", "out") as living:
        at_work = "SELECT DISTINCT worker FROM attempts WHERE state = 'sent'"
        living.until(lambda: len(rows(living.run, at_work)) == len(WORKERS), "all workers are at work")
        yield living


def finish(living: Living, release: str) -> None:
    """Let the run end; all its tasks had that release."""
    for worker in WORKERS:
        on(worker, f"touch {GO}")
    ended = living.ended()
    assert ended.code == Exit.OK, ended.stderr
    assert books(living.run, TASKS, WORKERS) == {"done": TASKS}
    told = {path.read_text().strip() for path in (living.run.folder / "outputs").glob("*/out")}
    assert told == {f"/opt/farm/releases/{release}"}


def next_release() -> str:
    """The release of a run that would begin now."""
    return str(farm("rebuild", "--dry-run", "--json").json()["release"])


def record() -> dict[str, Any]:
    return dict(json.loads((Home("lab").root / "upgrade.json").read_text()))


@pytest.mark.lab
def test_check_mode_says_what_an_upgrade_would_do_and_does_nothing(changed: Changed) -> None:
    done = subprocess.run(
        [*PLAYBOOK, "-i", "inventory/lab", "playbooks/upgrade.yml", "--check"],
        cwd=changed.root,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(changed.root)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    changes = {host: int(count) for host, count, _, _ in RECAP.findall(done.stdout)}
    assert all(changes[worker] > 0 for worker in WORKERS)
    assert current() == {changed.before}
    assert {on(worker, f"ls -d /opt/farm/releases/{changed.after}; true") for worker in WORKERS} == {""}
    assert not (Home("lab").releases / changed.after).exists()
    assert not (Home("lab").root / "upgrade.json").exists()


@pytest.mark.lab
def test_code_that_moves_features_is_refused_by_their_names_and_no_worker_changes_over(changed: Changed) -> None:
    said = changed.farm("upgrade", "--inventory", "lab")
    assert said.code == Exit.GATE, said.stderr
    assert said.stdout == ""
    moves = r"^  (\w+) moves in \d+\.\d% of [\d,]+ (living|curves).*, 0\.01 is the limit$"
    named = set(re.findall(moves, said.stderr, re.MULTILINE))
    assert named == {(name, what) for name in MEANS for what in ("living", "curves")}
    assert record()["drift"]["features"] == list(MEANS)
    assert current() == {changed.before}
    for worker in WORKERS:
        assert json.loads(on(worker, f"cat /opt/farm/releases/{changed.after}/RELEASE.json"))["digest"] == changed.after


@pytest.mark.lab
def test_a_run_ends_with_its_own_release_across_an_upgrade_and_the_next_one_has_the_new(
    changed: Changed, tmp_path: Path
) -> None:
    with a_run(tmp_path) as living:
        shown = changed.confirmed()
        assert re.search(r"maggmean +\d+", shown)
        assert current() == {changed.after}
        assert next_release() == changed.after
        finish(living, changed.before)
    again = changed.farm("upgrade", "--json")
    assert set(again.json()["was"].values()) == {changed.after}
    assert {count for _, count, _, _ in RECAP.findall(again.stderr)} == {"0"}


@pytest.mark.faults
def test_a_worker_that_is_cut_off_as_it_changes_over_stops_the_upgrade_and_all_others_go_back(
    changed: Changed, tmp_path: Path
) -> None:
    with a_run(tmp_path) as living:
        upgrading = changed.upgrade("--serial", "2")
        upgrading.until("w2", "basename $(readlink /opt/farm/current)", changed.after)
        lab.cut("w2")
        try:
            said = upgrading.ended()
            assert said.code == Exit.RELEASE, said.stderr
            assert "All hosts were taken back to what they had, but for w2" in said.stderr
            assert record()["state"] == "taken back"
            assert current("w1", "w3", "w4") == {changed.before}
        finally:
            lab.heal("w2")
        finish(living, changed.before)
    refused = farm("rebuild", "--dry-run")
    assert refused.code == Exit.RELEASE, refused.stderr
    assert f"w2 have {changed.after[:12]}" in refused.stderr
    assert farm("rebuild", "--dry-run", "--limit", "w1,w3,w4", "--json").json()["release"] == changed.before
    assert changed.upgrade().ended().json()["state"] == "done"
    assert current() == {changed.after}


@pytest.mark.faults
def test_an_upgrade_that_is_killed_ends_well_when_it_is_run_again_and_a_worker_that_was_down_then_follows(
    changed: Changed,
) -> None:
    folder = f"/opt/farm/releases/{changed.after}"
    for worker in WORKERS:
        on(worker, f"rm -rf {folder}")
    staging = changed.upgrade()
    staging.until("w4", f"test -e {folder}/bin/python && echo half", "half")
    staging.kill()
    switching = changed.upgrade()
    switching.until("w2", "basename $(readlink /opt/farm/current)", changed.after)
    switching.kill()
    lab.cut("w3")
    try:
        refused = changed.upgrade().ended()
        assert "w3 cannot be reached" in " ".join(refused.stderr.split())
        assert refused.code != Exit.OK
        left_out = changed.upgrade("--skip-down").ended()
        assert left_out.code == Exit.UNREACHABLE, left_out.stderr
        assert json.loads(left_out.stdout)["left_out"] == ["w3"]
        assert current("w1", "w2", "w4") == {changed.after}
    finally:
        lab.heal("w3")
    assert current("w3") == {changed.before}
    assert "the workers' releases disagree" in farm("rebuild", "--dry-run").stderr
    assert changed.upgrade().ended().json()["was"]["w3"] == changed.before
    assert current() == {changed.after}
