"""A head of a test's own on the lab: its runs, what their journals say, and whether the books balance."""

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from command import ROOT, Ended, farm

from farm import lab
from farm.home import Home
from farm.lab import host as lab_host
from farm.runs import Run, every

SECONDS = 60


def eventually(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {SECONDS} s: {what}")


def on(host: str, command: str) -> str:
    """What a command says that the operator runs on a host."""
    words = lab.ssh_command(lab.find(host), command)
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=SECONDS).stdout


def past_network(host: str, command: str) -> str:
    """The same for a host that is cut off."""
    entry = ["nsenter", f"--target={lab_host.init(lab.find(host))}", "--mount", "--pid", "--net", "--"]
    return subprocess.run([*entry, "sh", "-c", command], capture_output=True, text=True, check=True).stdout


def farm_processes(host: str, ask: Callable[[str, str], str] = on) -> list[str]:
    """Processes of user farm, but for sshd's."""
    return [line for line in ask(host, "ps -u farm -o args= || true").splitlines() if not line.startswith("sshd")]


def rows(run: Run, query: str) -> list[tuple[Any, ...]]:
    if not run.journal.exists():
        return []
    with closing(sqlite3.connect(f"file:{run.journal}?mode=ro", uri=True)) as db:
        return db.execute(query).fetchall()


def holders(run: Run) -> list[int]:
    """Processes that have the run's lock open."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if entry.readlink() == run.folder / "lock":
                found.add(int(entry.parts[2]))
        except OSError:
            continue
    return sorted(found)


def attempts(run: Run, worker: str, state: str) -> list[str]:
    """Tasks with such an attempt there."""
    found = rows(run, f"SELECT task FROM attempts WHERE worker = '{worker}' AND state = '{state}'")
    return [task for (task,) in found]


_WRONG = {
    "a task has not ended": "SELECT id FROM tasks WHERE state NOT IN ('done', 'failed', 'held', 'cancelled')",
    "a task is done without one accepted attempt that ended well, or not done with one": (
        "SELECT id FROM tasks WHERE (state = 'done') != (1 = (SELECT count(*) FROM attempts"
        " WHERE task = id AND attempt = accepted AND attempts.state IN ('exited', 'accepted')))"
    ),
    "a task has two attempts that ended well": (
        "SELECT task FROM attempts WHERE state IN ('exited', 'accepted') GROUP BY task HAVING count(*) > 1"
    ),
    "an attempt has not ended": "SELECT task FROM attempts WHERE state = 'sent'",
    "an output is not from the accepted attempt": (
        "SELECT task FROM attempts JOIN tasks ON id = task WHERE result IS NOT NULL AND attempt IS NOT accepted"
    ),
}


def books(run: Run, submitted: int, hosts: tuple[str, ...]) -> dict[str, int]:
    """Tasks by state, the books found balanced, and nothing of user farm left on these hosts."""
    for wrong, query in _WRONG.items():
        assert not rows(run, query), wrong
    counts = dict(rows(run, "SELECT state, count(*) FROM tasks GROUP BY state"))
    assert sum(counts.values()) == submitted
    for host in hosts:
        eventually(lambda host=host: not farm_processes(host), f"no process of user farm on {host}")
    return counts


@dataclass(frozen=True)
class Living:
    """A run that goes on."""

    process: subprocess.Popen[str]
    run: Run
    said: Path
    """Its standard error."""

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait for it, while the run goes on."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            if found := condition():
                return found
            time.sleep(0.05)
        raise AssertionError(f"not within {SECONDS} s of the run: {what}\n{self.said.read_text()}")

    def lost(self, worker: str) -> bool:
        return bool(rows(self.run, f"SELECT 1 FROM events WHERE worker = '{worker}' AND what = 'lost'"))

    def came_up(self, worker: str) -> int:
        """How often."""
        return len(rows(self.run, f"SELECT 1 FROM events WHERE worker = '{worker}' AND what = 'up'"))

    def ended(self) -> Ended:
        out, _ = self.process.communicate(timeout=2 * SECONDS)
        return Ended(self.process.returncode, out, self.said.read_text())


@dataclass(frozen=True)
class Head:
    """A head with the lab's key and pins, and no run but its own."""

    home: Path
    scratch: Path

    def farm(self, *arguments: str) -> Ended:
        return farm(*arguments, FARM_HOME=str(self.home))

    def last(self) -> Run:
        return every("lab")[-1]

    def run(self, tasks: list[dict[str, Any]], *options: str) -> tuple[Ended, Run]:
        """A run, to its end."""
        with self.running(tasks, *options) as living:
            return living.ended(), living.run

    @contextmanager
    def running(self, tasks: list[dict[str, Any]], *options: str) -> Iterator[Living]:
        """A run that goes on meanwhile."""
        file, said = self.scratch / "tasks.jsonl", self.scratch / "stderr"
        file.write_text("".join(json.dumps(task) + "\n" for task in tasks))
        before = {run.id for run in every("lab")}
        words = [Path(sys.executable).with_name("farm"), "run", file, "--json", *options]
        with said.open("w") as stderr:
            process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=stderr, text=True)
        try:
            begun = eventually(
                lambda: process.poll() is not None or [run for run in every("lab") if run.id not in before], "a new run"
            )
            assert begun is not True, said.read_text()
            yield Living(process, begun[0], said)
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()


@contextmanager
def head(scratch: Path, home: Path) -> Iterator[Head]:
    """A head whose state stands in ``home``, for this process and those that it starts."""
    shared, own = Home("lab").root, home / "lab"
    own.mkdir(mode=0o700, parents=True)
    for name in ("id_ed25519", "known_hosts"):
        shutil.copy2(shared / name, own / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FARM_HOME", str(home))
        yield Head(home, scratch)
