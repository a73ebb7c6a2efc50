"""``farm busy``: the prototype. Tasks that compute for some seconds each, over all workers."""

import shlex

from farm import execute, preflight, runs
from farm.execute import Summary
from farm.inventory import Inventory
from farm.job import Job
from farm.journal import Task
from farm.link import agent_command
from farm.plan import choose
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
    journal = execute.begin(run, inventory, release, todo, {"verb": "busy", "seconds": seconds})
    agent = agent_command(release, run.id, run.env, None)
    try:
        return execute.execute(Job(run, todo, workers, agent, transport, f"busy on {len(workers)} workers"), journal)
    finally:
        journal.close()
