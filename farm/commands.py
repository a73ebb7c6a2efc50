"""``farm run``: any command lines, over all workers."""

import hashlib
import random
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gevent import get_hub

from farm import execute, preflight, runs
from farm.errors import PartsError
from farm.inventory import Inventory
from farm.job import Job
from farm.journal import Journal, Task
from farm.link import Worker, agent_command
from farm.plan import choose
from farm.preflight import Release
from farm.runs import Run
from farm.scheduler import Halt
from farm.scheduler import halt as halting
from farm.summary import Summary
from farm.transport import Session, Transport
from farm.worker.protocol import ROOT

_LIST_SECONDS = 600
_MAGIC = re.compile(r"([*?\[\]!^-])")


@dataclass(frozen=True)
class FileCollector:
    """A farm.job.Collector: the outputs that a task names must be there, and what matches a pattern is brought here.

    It comes to the run's ``outputs/<task>/``, each file checked by the digest that it has on the worker.
    """

    run: Run
    patterns: Sequence[str] = ()

    def __call__(self, session: Session, task: Task, attempt: int) -> Mapping[str, Any]:
        wanted = (task.detail or {}).get("outputs", ())
        if not wanted and not self.patterns:
            return {}
        folder = f"{ROOT}/runs/{self.run.id}/{task.id}.{attempt}/out"
        digests = self._list(session, folder, wanted)
        for name, digest in digests.items():
            self._bring(session, f"{folder}/{name}", self.run.folder / "outputs" / task.id / name, digest)
        if self.patterns and not digests:
            raise PartsError(f"no output matches {' or '.join(self.patterns)}")
        return {"files": len(digests), "sha256": digests} if self.patterns else {}

    def _list(self, session: Session, folder: str, wanted: Sequence[str]) -> dict[str, str]:
        """Names and digests of what is to be brought. Raises PartsError where an output is missing."""
        lines = [f"cd {shlex.quote(folder)} || exit", 'there() { test -e "$1"; }']
        lines += [f"there {glob(name)} || printf 'missing  %s\\0' {shlex.quote(name)}" for name in wanted]
        if self.patterns:
            lines.append(
                f'for f in {" ".join(map(glob, self.patterns))}; do test -f "$f" && sha256sum -z -- "$f"; done; true'
            )
        said = session.run("\n".join(lines), _LIST_SECONDS)
        found = [entry.split("  ", 1) for entry in said.out.split("\0") if entry]
        if missing := [name for digest, name in found if digest == "missing"]:
            raise PartsError(f"the task left no {', '.join(missing)} in $FARM_OUT")
        if said.code != 0:
            raise PartsError(f"the folder {folder} cannot be read: {said.err.strip() or said.code}")
        return {name: digest for digest, name in found}

    def _bring(self, session: Session, remote: str, target: Path, digest: str) -> None:
        if ".." in target.parts:
            raise PartsError(f"the output {remote!r} leaves its folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            session.fetch(remote, target)
        except FileNotFoundError:
            raise PartsError(f"the output {remote!r} went away, or its name is no UTF-8") from None
        if get_hub().threadpool.apply(_digest, (target,)) != digest:
            raise PartsError(f"the output {target.name} was damaged on its way")


def glob(pattern: str) -> str:
    """A pattern as a word for the shell, in which nothing but ``*``, ``?`` and ``[...]`` means anything."""
    return "".join(part if part in "*?[]!-^" else shlex.quote(part) for part in _MAGIC.split(pattern) if part)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def run(
    inventory: Inventory,
    transport: Transport,
    tasks: list[Task],
    *,
    slots: int | None = None,
    limit: str | None = None,
    exclude: str | None = None,
    tries: int = 3,
    fetch: Sequence[str] = (),
    shuffle: bool = False,
    halt: Halt | None = None,
    timeout_percent: float | None = None,
) -> Summary:
    """Run the tasks. Raises what keeps a worker from working."""
    hosts = choose(inventory.group("workers"), limit, exclude)
    reports, workers = execute.muster(hosts, slots, transport)
    release = preflight.ready(reports, inventory)
    order = random.sample(tasks, len(tasks)) if shuffle else tasks
    made = runs.create(inventory.env, "run")
    named = any(task.detail for task in tasks)
    meta = {
        "verb": "run",
        "fetch": list(fetch),
        "outputs": named,
        "tries": tries,
        "timeout_percent": timeout_percent,
        "halt": str(halt) if halt else None,
    }
    journal = execute.begin(made, inventory, release, workers, order, meta)
    try:
        return work(made, workers, release, transport, journal)
    finally:
        journal.close()


def work(run: Run, workers: Sequence[Worker], release: Release, transport: Transport, journal: Journal) -> Summary:
    """Do what the journal of such a run still has open."""
    meta = journal.meta()
    job = Job(
        run=run,
        workers=workers,
        agent=agent_command(release, run.id, run.env, None),
        transport=transport,
        title=f"run on {len(workers)} workers",
        collect=FileCollector(run, meta["fetch"]) if meta["fetch"] or meta["outputs"] else None,
        tries=meta["tries"],
        halt=halting.parse(meta["halt"]) if meta["halt"] else None,
        timeout_percent=meta["timeout_percent"],
    )
    return execute.execute(job, journal)
