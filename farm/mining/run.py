"""From a script to a dataset: plan, trial, run, and what is left."""

import contextlib
import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from farm import execute, plan, preflight, rebuild, runs, ship
from farm import job as jobs
from farm.errors import InputError, ReleaseError, RunError
from farm.inventory import Inventory
from farm.journal import Journal
from farm.link import Worker, agent_command
from farm.mining import bundle, dataset, metadata, trial, usable
from farm.mining.parts import Collector
from farm.mining.trial import Trial
from farm.objects import Objects
from farm.plan import Plan, Window
from farm.preflight import Release
from farm.runs import Run
from farm.summary import Summary
from farm.transport import Transport
from features import errors as feature_errors
from features.mining import errors as kinds
from features.mining import job as descriptions
from features.mining import script as scripts
from features.mining.job import Job, Limits

ARCHIVE, JOB = "mining.tar", "job.json"


@dataclass(frozen=True)
class Asked:
    """What the user wants mined."""

    script: Path
    function: str
    window: Window | None = None
    objects: Objects | None = None
    part: float = 1.0
    """Of the ring of tokens."""
    packages: tuple[str, ...] = ()
    kind: Literal["parquet", "csv"] = "parquet"
    limits: Limits = field(default_factory=Limits)
    ranges: int | None = None
    rate: int | None = None
    slots: int | None = None
    limit: str | None = None


@dataclass(frozen=True)
class Prepared:
    """A plan whose function has been tried."""

    asked: Asked
    plan: Plan
    job: Job
    requirements: tuple[str, ...]
    """Packages that script and user ask for."""
    wheels: tuple[Path, ...]
    """What that came to."""
    trial: Trial

    def estimate(self) -> dict[str, Any]:
        named = len(self.asked.objects) if self.asked.objects else None
        return self.trial.estimate(self.plan.slots, self.asked.part, named)

    def as_json(self) -> dict[str, Any]:
        return {**plan.as_json(self.plan), "script": self.job.digest, "function": self.job.function,
                "packages": [wheel.name for wheel in self.wheels], "trial": self.trial.as_json(),
                "estimate": self.estimate()}  # fmt: skip


def prepare(inventory: Inventory, transport: Transport, asked: Asked, first: int = trial.FIRST) -> Prepared:
    """Ask the workers, plan, and try the function on the ``first`` objects; nothing stays anywhere.

    Raises what keeps a worker from working, and InputError where the script cannot be used.
    """
    told = metadata.read(asked.script)
    packages = (*told.dependencies, *asked.packages)
    metadata.require_packages(packages)
    hosts = plan.choose(inventory.group("workers"), asked.limit)
    reports, workers = execute.muster(hosts, asked.slots, transport)
    release = preflight.ready(reports, inventory)
    rebuild.require_cassandra(hosts, transport, release, inventory.survey)
    window = inventory.window if asked.window is None else asked.window
    job = Job(
        script=asked.script.name,
        function=asked.function,
        digest=_digest(asked.script),
        survey=inventory.survey,
        window=window,
        kind=asked.kind,
        limits=asked.limits,
    )
    manifest = _manifest(workers[0], transport, release)
    told.require_python(manifest["python"])
    wheels = tuple(bundle.resolve(packages, manifest, inventory.home.root / "wheels"))
    planned = _plan(inventory, workers, release, window, asked)
    wanted = [asked.objects] if asked.objects else [f"{low}:{high}" for low, high in plan.cut(1, asked.part)]
    with tempfile.TemporaryDirectory(prefix="farm-mine-") as scratch:
        archive = Path(scratch, ARCHIVE)
        digest = bundle.build(archive, job, asked.script, wheels)
        tried = trial.run(workers[0].host, transport, release, archive, digest, wanted, first)
    usable.require_objects(tried, named=asked.objects is not None, part=asked.part)
    return Prepared(asked, planned, replace(job, schema=tried.types), packages, wheels, tried)


def _plan(inventory: Inventory, workers: Sequence[Worker], release: Release, window: Window, asked: Asked) -> Plan:
    slots = sum(worker.slots for worker in workers)
    out = f'--out "$FARM_OUT/$FARM_TASK.$FARM_ATTEMPT.{asked.kind}"{plan.manners(asked.rate, slots)}'
    program = f'exec {release.program("mine_objects")} --job "{ship.place("$FARM_RUN")}/{JOB}"'
    todo = plan.tasks(program, out, slots, pieces=asked.ranges, objects=asked.objects, part=asked.part)
    return Plan(inventory.env, tuple(workers), release, window, todo, asked.objects)


def _digest(script: Path) -> str:
    try:
        return scripts.digest(script)
    except feature_errors.InputError as error:
        raise InputError(str(error)) from None


def _manifest(worker: Worker, transport: Transport, release: Release) -> dict[str, Any]:
    """RELEASE.json, which says what wheels the release has."""
    session = transport.connect(worker.host)
    try:
        said = session.run(f"cat {release.folder}/RELEASE.json", 10)
    finally:
        session.close()
    try:
        told: dict[str, Any] = json.loads(said.out)
    except ValueError:
        raise ReleaseError(f"{worker.name}: {release.folder}/RELEASE.json cannot be read") from None
    return told


def mine(inventory: Inventory, transport: Transport, prepared: Prepared, out: Path, *, single: bool) -> Summary:
    """Run it; the dataset stands at ``out`` when this returns and all tasks are done.

    Raises InputError where the function failed for all that it was tried on, where nothing was yielded from which a
    schema could be inferred, or where ``out`` is there.
    """
    usable.require_types(prepared.job, prepared.trial)
    dataset.require_free(out)
    run = runs.create(inventory.env, "mine")
    planned, asked = prepared.plan, prepared.asked
    digest = bundle.build(run.folder / ARCHIVE, prepared.job, asked.script, prepared.wheels)
    (run.folder / JOB).write_text(prepared.job.text(), encoding="utf-8")
    shutil.copyfile(asked.script, run.folder / asked.script.name)
    meta = {
        "verb": "mine",
        "window": planned.window,
        "objects": asked.objects.as_json() if asked.objects else None,
        "part": asked.part,
        "out": str(out.absolute()),
        "single": single,
        "archive": digest,
        "requirements": list(prepared.requirements),
        "packages": {wheel.name: bundle.digest(wheel) for wheel in prepared.wheels},
        "columns": list(prepared.trial.columns),
    }
    if asked.objects:
        run.objects.write_text(asked.objects.text(), encoding="utf-8")
    journal = execute.begin(run, inventory, planned.release, planned.workers, planned.tasks, meta)
    try:
        return work(run, inventory, planned.workers, planned.release, transport, journal)
    finally:
        journal.close()


def work(
    run: Run,
    inventory: Inventory,
    workers: Sequence[Worker],
    release: Release,
    transport: Transport,
    journal: Journal,
) -> Summary:
    """Do what the journal of such a run still has open, with the script that it began with.

    Raises RunError where parts that were accepted are gone, or more objects have failed than may.
    """
    meta, accepted = journal.meta(), journal.accepted()
    described = descriptions.read(run.folder / JOB)
    out, shared = Path(meta["out"]), inventory.shared_dir
    incoming = dataset.incoming_of(out, run.id)
    if gone := dataset.gone(out, incoming, accepted, described.kind):
        raise RunError(f"{len(gone)} parts of run {run.id} are no more, {gone[0]} among them: begin a new run")
    incoming.mkdir(parents=True, exist_ok=True)
    failed = sum(each.result["failed"] for each in accepted)
    collect = Collector(run, release, described, incoming, shared, failed)
    job = jobs.Job(
        run=run,
        workers=workers,
        agent=agent_command(release, run.id, run.env, str(shared) if shared else None),
        transport=transport,
        title=f"{described.function} of {described.script} on {len(workers)} workers",
        collect=collect,
        probe=rebuild.cassandra_check(release, inventory.survey),
        prepare=ship.Shipping(run.id, run.folder / ARCHIVE, meta["archive"], release),
    )
    try:
        summary = execute.execute(job, journal)
    except RunError:
        if collect.spent:
            shutil.rmtree(incoming)
        raise
    if summary.done == summary.submitted:
        told = provenance(run, described, journal, summary)
        dataset.finish(out, incoming, journal.accepted(), described.kind, meta["single"], told)
    return summary


def unfinished(run: Run, journal: Journal) -> bool:
    """Whether parts wait to become the dataset, although no task may be open any more."""
    return dataset.incoming_of(Path(journal.meta()["out"]), run.id).is_dir()


def provenance(run: Run, job: Job, journal: Journal, summary: Summary) -> dict[str, Any]:
    """Where a dataset comes from."""
    meta, accepted = journal.meta(), journal.accepted()
    found = kinds.merged([kind for each in accepted for kind in kinds.read(each.result["errors"])])
    return {
        "schema": 1,
        "run": run.id,
        "environment": run.env,
        "script": job.script,
        "digest": job.digest,
        "function": job.function,
        "source": (run.folder / job.script).read_text(encoding="utf-8"),
        "requirements": meta["requirements"],
        "packages": meta["packages"],
        "release": meta["release"],
        "survey": job.survey,
        "columns": meta["columns"],
        "types": job.schema,
        "window": job.window,
        "sample": meta["part"],
        "named": meta["objects"],
        "limits": asdict(job.limits),
        "begun": _time(meta["begun"]),
        "ended": _time(meta["ended"]),
        "objects": summary.results.get("objects", 0),
        "detections": summary.results.get("rows", 0),
        "rows": summary.results.get("yielded", 0),
        "failed": summary.results.get("failed", 0),
        "errors": [kind.as_json() for kind in found],
        "unread": list(summary.unread),
        "parts": {f"part-{each.task}.{job.kind}": each.result["sha256"] for each in accepted},
    }


def _time(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def told_of(env: str, run: str) -> dict[str, Any] | None:
    """The provenance of the dataset that a run has left."""
    journal = Journal(runs.find(env, run).journal)
    try:
        path = dataset.provenance_of(Path(journal.meta()["out"]))
    finally:
        journal.close()
    with contextlib.suppress(OSError):
        return dict(json.loads(path.read_text(encoding="utf-8")))
    return None
