"""``farm rebuild``: the features of every object, from Cassandra to verified parts on the head."""

import shutil
from collections.abc import Sequence
from typing import Any

from farm import execute, given, plan, preflight, runs, ship
from farm.collect import PartCollector
from farm.errors import CassandraError, Exit, FarmError, InputError
from farm.inventory import Host, Inventory
from farm.job import Job
from farm.journal import Journal
from farm.link import Worker, agent_command
from farm.objects import Objects
from farm.parts import cover_ring
from farm.plan import Plan, Window
from farm.preflight import Release
from farm.runs import Run
from farm.summary import Summary
from farm.transport import Transport
from features import survey

_CHECK_SECONDS = 60


def prepare(
    inventory: Inventory,
    transport: Transport,
    *,
    window: Window | None = None,
    ranges: int | None = None,
    objects: Objects | None = None,
    rate: int | None = None,
    part: float = 1.0,
    slots: int | None = None,
    limit: str | None = None,
    as_lasair: bool = False,
) -> Plan:
    """Ask the workers and plan the run, as ``plan.rebuild``; nothing is written anywhere.

    Raises UnreachableError, HostKeyError or ReleaseError where a worker is not ready, CassandraError where one has
    no way to Cassandra, InputError where ``as_lasair`` is asked of a survey that keeps no defects.
    """
    if as_lasair and not survey(inventory.survey).has_originals:
        raise InputError(f"survey {inventory.survey} keeps none of the original code's defects: leave out --as-lasair")
    hosts = plan.choose(inventory.group("workers"), limit)
    reports, workers = execute.muster(hosts, slots, transport)
    release = preflight.ready(reports, inventory)
    require_cassandra(hosts, transport, release, inventory.survey, given.maps(inventory))
    days = inventory.window if window is None else window
    return plan.rebuild(
        inventory.env,
        workers,
        release,
        days,
        pieces=ranges,
        objects=objects,
        rate=rate,
        part=part,
        survey=inventory.survey,
        given=given.options(inventory),
        as_lasair=as_lasair,
    )


def require_cassandra(
    hosts: Sequence[Host], transport: Transport, release: Release, survey: str, maps: str = ""
) -> None:
    """Raises CassandraError where a worker has no way to the survey's tables, InputError where it lacks a map.

    ``maps`` are ``given.maps``.
    """
    if failed := preflight.failures(hosts, transport, cassandra_check(release, survey, maps), _CHECK_SECONDS):
        name, said = next(iter(failed.items()))
        why = said.err.strip().rpartition("\n")[2].removeprefix("rebuild_objects: ")
        others = f" (and {', '.join(list(failed)[1:])} neither)" if len(failed) > 1 else ""
        if said.code == Exit.INPUT:
            raise InputError(f"{name} is not ready{others}: {why}")
        raise CassandraError(f"{name} cannot read Cassandra{others}: {why or f'exit code {said.code}'}")


def cassandra_check(release: Release, survey: str, maps: str = "") -> str:
    """A worker's own test of its way to the survey's tables in Cassandra, and of the maps on its disk."""
    return f"exec {release.program('rebuild_objects')} --check --survey {survey} {maps}".rstrip()


def rebuild(inventory: Inventory, transport: Transport, planned: Plan) -> Summary:
    """Run the plan; every accepted part stands in the run's ``parts`` when this returns.

    Raises PartsError where all tasks are done and their parts do not cover the ring exactly once; InputError or
    GaleraError, before anything runs, where an input cannot be had.
    """
    run = runs.create(inventory.env, "rebuild")
    meta: dict[str, Any] = {"verb": "rebuild", "window": planned.window, "objects": None}
    meta["without"] = given.without(inventory)
    try:
        meta["given"] = given.bring(inventory, planned.objects, run.given)
    except FarmError:
        shutil.rmtree(run.folder)
        raise
    if planned.objects:
        meta["objects"] = planned.objects.as_json()
        run.objects.write_text(planned.objects.text(), encoding="utf-8")
    journal = execute.begin(run, inventory, planned.release, planned.workers, planned.tasks, meta)
    try:
        return work(run, inventory, planned.workers, planned.release, planned.window, transport, journal)
    finally:
        journal.close()


def work(
    run: Run,
    inventory: Inventory,
    workers: Sequence[Worker],
    release: Release,
    window: Window,
    transport: Transport,
    journal: Journal,
) -> Summary:
    """Do what the journal of a rebuild still has open."""
    shared = inventory.shared_dir
    digest = journal.meta().get("given")
    collect = PartCollector(run, release, window, shared)
    collect.sweep(journal.accepted)
    job = Job(
        run=run,
        workers=workers,
        agent=agent_command(release, run.id, run.env, str(shared) if shared else None),
        transport=transport,
        title=f"rebuild on {len(workers)} workers",
        collect=collect,
        probe=cassandra_check(release, inventory.survey),
        prepare=ship.Shipping(run.id, run.given, digest, release) if digest else None,
    )
    summary = execute.execute(job, journal)
    if summary.done == summary.submitted and not journal.meta().get("objects"):
        cover_ring((low, high) for low, high in (each.detail["range"] for each in journal.accepted()))
    return summary
