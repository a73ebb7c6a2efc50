"""``farm busy``: the prototype. Tasks that compute for some seconds each, over all workers."""

import shlex
from collections.abc import Sequence

from farm import execute, preflight, runs
from farm.inventory import Inventory
from farm.job import Job
from farm.journal import Journal, Task
from farm.link import Worker, agent_command
from farm.plan import choose
from farm.preflight import Release
from farm.runs import Run
from farm.summary import Summary
from farm.transport import Transport


def busy(
    inventory: Inventory,
    transport: Transport,
    *,
    tasks: int,
    seconds: float,
    slots: int | None = None,
    limit: str | None = None,
) -> Summary:
    """Run ``tasks`` tasks of ``seconds`` each. Raises what keeps a worker from working."""
    hosts = choose(inventory.group("workers"), limit)
    reports, workers = execute.muster(hosts, slots, transport)
    release = preflight.ready(reports, inventory)
    digits = len(str(tasks))
    command = f"exec {release.program('busy')} {shlex.quote(str(seconds))}"
    todo = [Task(f"b{number:0{digits}}", command) for number in range(1, tasks + 1)]
    run = runs.create(inventory.env, "busy")
    journal = execute.begin(run, inventory, release, workers, todo, {"verb": "busy"})
    try:
        return work(run, workers, release, transport, journal)
    finally:
        journal.close()


def work(run: Run, workers: Sequence[Worker], release: Release, transport: Transport, journal: Journal) -> Summary:
    """Do what the journal of such a run still has open."""
    agent = agent_command(release, run.id, run.env, None)
    return execute.execute(Job(run, workers, agent, transport, f"busy on {len(workers)} workers"), journal)
