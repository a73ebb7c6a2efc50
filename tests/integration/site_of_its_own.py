"""A site of a test's own on the lab's hosts: head, few light curves, and a table ``objects`` that a pipeline filled."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest
from command import ROOT, Ended
from keyspace import own_keyspace
from own_table import own_table
from provisioning import answer

from farm import lab
from farm.home import Home
from farm.seed import driver
from features import DEFAULT

WORKERS = ("w1", "w2", "w3", "w4")
OBJECTS, ROWS = 300, 60
MAPS = "/srv/dust"
_SETTINGS = "/etc/farm/cassandra.json"


@dataclass(frozen=True)
class Site:
    checkout: Path
    """Where commands are typed: the project with an inventory of its own, one slot a worker."""
    home: Path
    """The head's state."""
    database: str
    env: str = "lab"
    """Name of its inventory."""

    def type(self, line: str, timeout: float = 120) -> Ended:
        """Type a line into a shell, which finds the project's programs, and the head's state in ``~/.farm``."""
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=self.checkout,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def begin(self, line: str) -> "subprocess.Popen[str]":
        """Type a line and go on while it runs."""
        quiet = subprocess.DEVNULL
        return subprocess.Popen(
            ["bash", "-c", f"exec {line}"],
            cwd=self.checkout,
            env=self.environment,
            text=True,
            stdin=quiet,
            stdout=quiet,
            stderr=quiet,
        )

    @contextmanager
    def given(self, **sources: str) -> Iterator[None]:
        """The site with these sources of what comes from outside Cassandra."""
        settings = self.checkout / "inventory" / self.env / "group_vars" / "all" / "site.yml"
        before = settings.read_text()
        settings.write_text(json.dumps(json.loads(before) | {"farm_given": sources}))
        try:
            yield
        finally:
            settings.write_text(before)

    @property
    def environment(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return os.environ | {"PATH": path, "HOME": str(self.home.parent.parent), "FARM_HOME": str(self.home.parent)}


@contextmanager
def maps_on(workers: Sequence[str], maps: Path) -> Iterator[None]:
    """Dust maps in ``MAPS`` of some workers."""
    hosts = [lab.find(worker) for worker in workers]
    try:
        for host, file in product(hosts, sorted(maps.iterdir())):
            with file.open("rb") as bytes_:
                command = lab.ssh_command(host, f"mkdir -p {MAPS} && cat > {MAPS}/{file.name}")
                subprocess.run(command, stdin=bytes_, check=True, timeout=60)
        yield
    finally:
        for worker in workers:
            answer(worker, f"rm -rf {MAPS}")


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """The site; the lab's own light curves, table and head are as they were when it is gone."""
    with own_keyspace() as keyspace:
        driver.seed(driver.simulated(OBJECTS, ROWS, 5), "replace", keyspace, io.StringIO())
        with site_of(folder, keyspace, "farm_documented") as made:
            yield made


@contextmanager
def site_of(
    folder: Path, keyspace: str, database: str, env: str = "lab", survey: str = DEFAULT, **variables: object
) -> Iterator[Site]:
    """A site over the light curves of a keyspace, whose inventory has these variables besides."""
    checkout = _checkout(folder / "checkout", env, {"farm_survey": survey, **variables})
    made = Site(checkout, _head(folder / ".farm" / env, env), database, env)
    with (
        _read_by_workers(keyspace),
        own_table(database, made.home / "secrets", survey),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("FARM_HOME", str(made.home.parent))
        yield made


def _checkout(folder: Path, env: str, variables: Mapping[str, object]) -> Path:
    folder.mkdir()
    for each in ROOT.iterdir():
        if not each.name.startswith(".") and each.name not in ("inventory", "vault"):
            (folder / each.name).symlink_to(each)
    inventory = shutil.copytree(ROOT / "inventory" / "lab", folder / "inventory" / env)
    (inventory / "group_vars" / "workers" / "farm.yml").write_text("farm_slots: 1\n")
    (inventory / "group_vars" / "all" / "site.yml").write_text(json.dumps(variables))
    return folder


def _head(folder: Path, env: str) -> Path:
    shared = Home("lab").root
    folder.mkdir(parents=True, mode=0o700)
    shutil.copytree(shared / "secrets", folder / "secrets")
    for file in (folder / "secrets").glob("*.cnf"):
        file.write_text(re.sub(r"^environment = .*$", f"environment = {env}", file.read_text(), flags=re.MULTILINE))
    for name in ("id_ed25519", "id_ed25519.pub", "known_hosts"):
        shutil.copy2(shared / name, folder / name)
    return folder


@contextmanager
def _read_by_workers(keyspace: str) -> Iterator[None]:
    """The workers read another keyspace."""
    before = {worker: answer(worker, f"cat {_SETTINGS}") for worker in WORKERS}
    try:
        for worker, text in before.items():
            answer(worker, f"cat > {_SETTINGS}", json.dumps(json.loads(text) | {"keyspace": keyspace}))
        yield
    finally:
        for worker, text in before.items():
            answer(worker, f"cat > {_SETTINGS}", f"{text}\n")


def as_here(line: str, there: dict[str, str]) -> str:
    """The line with what the site has in place of what a reader puts in."""
    for word, instead in there.items():
        line = line.replace(word, instead)
    return line


def play(site: Site, lines: Sequence[str], there: dict[str, str], code: int = 0) -> list[Ended]:
    """Type lines one after the other; each must end with ``code``."""
    ended = []
    for line in lines:
        said = site.type(as_here(line, there))
        assert said.code == code, (line, said.code, said.stdout, said.stderr)
        ended.append(said)
    return ended
