"""``farm run``: any command lines, over all workers."""

import hashlib
import random
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
from farm.summary import Summary
from farm.transport import Session, Transport
from farm.worker.protocol import ROOT

_LIST_SECONDS = 600


@dataclass(frozen=True)
class FileCollector:
    """A farm.job.Collector that brings the output files that match a pattern to the run's ``outputs/<task>/``."""

    run: Run
    pattern: str

    def __call__(self, session: Session, task: Task, attempt: int) -> Mapping[str, Any]:
        folder = f"{ROOT}/runs/{self.run.id}/{task.id}.{attempt}/out"
        # The pattern is the shell's own; only names and digests come back.
        asked = f'cd {shlex.quote(folder)} && for f in {self.pattern}; do test -f "$f" && sha256sum -z -- "$f"; done'
        said = session.run(f"{asked}; true", _LIST_SECONDS)
        digests: dict[str, str] = {}
        for entry in filter(None, said.out.split("\0")):
            digest, name = entry.split("  ", 1)
            digests[name] = digest
            target = self.run.folder / "outputs" / task.id / name
            if ".." in target.parts:
                raise PartsError(f"the output {name!r} leaves its folder")
            target.parent.mkdir(parents=True, exist_ok=True)
            session.fetch(f"{folder}/{name}", target)
            if get_hub().threadpool.apply(_digest, (target,)) != digest:
                raise PartsError(f"the output {name} was damaged on its way")
        if not digests:
            raise PartsError(f"no output matches {self.pattern}")
        return {"files": len(digests), "sha256": digests}


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
    fetch: str | None = None,
    shuffle: bool = False,
) -> Summary:
    """Run the tasks. Raises what keeps a worker from working."""
    hosts = choose(inventory.group("workers"), limit, exclude)
    reports, workers = execute.muster(hosts, slots, transport)
    release = preflight.ready(reports, inventory)
    order = random.sample(tasks, len(tasks)) if shuffle else tasks
    made = runs.create(inventory.env, "run")
    meta = {"verb": "run", "fetch": fetch, "tries": tries}
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
        collect=FileCollector(run, meta["fetch"]) if meta["fetch"] else None,
        tries=meta["tries"],
    )
    return execute.execute(job, journal)
