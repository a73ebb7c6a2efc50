"""``farm prune``: takes away what old runs left on the head, the workers and the loader; their journals stay.

Nothing is taken of a run that a head works at, of a rebuild whose load has not ended well, or of a run that this head
does not know. Outputs that ``farm run --fetch`` brought belong to the user. What is left of a trial (``farm mine``) has
no run: it goes by its age.
"""

import shlex
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gevent

from farm import runs
from farm.errors import FarmError, LockedError, RunError
from farm.inventory import Host, Inventory
from farm.journal import Journal, noted
from farm.loading import LOADS
from farm.mining import dataset, trial
from farm.runs import Run
from farm.transport import Session, Transport
from farm.worker.protocol import ROOT

_SECONDS = 600
_DAY = 86400.0
_OF_A_RUN = ("parts", "logs", "incoming")
"""Folders of a run on the head that go; they are made again by whoever needs them."""


@dataclass(frozen=True)
class Taken:
    """A folder that goes."""

    run: str
    host: str
    """A host of the inventory, or head."""
    path: str
    bytes: int


@dataclass(frozen=True)
class Pruned:
    dry: bool
    taken: tuple[Taken, ...]
    kept: tuple[tuple[str, str], ...]
    """Runs that are old enough and stay, and why."""
    errors: tuple[FarmError, ...]
    """Of hosts that could not be asked."""

    @property
    def bytes(self) -> int:
        return sum(each.bytes for each in self.taken)

    def as_json(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "dry_run": self.dry,
            "bytes": self.bytes,
            "taken": [asdict(each) for each in self.taken],
            "kept": [{"run": run, "why": why} for run, why in self.kept],
            "errors": [str(error) for error in self.errors],
        }


def prune(inventory: Inventory, transport: Transport, days: float, *, dry: bool = False) -> Pruned:
    """Take away what runs that ended more than ``days`` ago left; ``dry``: only say what would go."""
    kept: list[tuple[str, str]] = []
    with ExitStack() as locks:
        old = list(_old(inventory.env, days, kept, locks))
        taken, errors = _elsewhere(inventory, transport, old, days, dry)
        for run in old:
            taken += _on_head(run, inventory.shared_dir, dry)
            if not dry:
                _let_go(run)
    return Pruned(dry, tuple(taken), tuple(kept), tuple(errors))


def _old(env: str, days: float, kept: list[tuple[str, str]], locks: ExitStack) -> Iterator[Run]:
    """The runs that may be pruned, locked against a head; those that are old but must stay go to ``kept``."""
    for run in runs.every(env):
        if time.time() - _ended(run) < days * _DAY:
            continue
        try:
            locks.enter_context(run.locked())
        except LockedError:
            kept.append((run.id, "a farm process works at it"))
            continue
        if run.verb == "rebuild" and not run.is_loaded():
            kept.append((run.id, f"it is not loaded: farm load {run.id} --inventory {env}"))
        else:
            yield run


def _ended(run: Run) -> float:
    """When something last happened in it; seconds since 1970."""
    with suppress(RunError):
        journal = Journal(run.journal)
        try:
            return journal.latest()
        finally:
            journal.close()
    return run.made


def _let_go(run: Run) -> None:
    """Its release may go too (``farm release prune``), unless somebody takes the run up again."""
    with suppress(RunError):
        journal = Journal(run.journal)
        try:
            journal.commit([noted("pruned", time.time())])
        finally:
            journal.close()


def _on_head(run: Run, shared: Path | None, dry: bool) -> Iterator[Taken]:
    folders = [run.folder / name for name in _OF_A_RUN]
    folders += [shared / kind / run.id for kind in ("runs", "loads")] if shared else []
    folders += _incoming(run)
    for folder in folders:
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        if size:
            yield Taken(run.id, "head", str(folder), size)
            if not dry:
                shutil.rmtree(folder)


def _incoming(run: Run) -> list[Path]:
    """Where parts of a dataset wait that has not been finished."""
    if run.verb != "mine":
        return []
    with suppress(RunError):
        journal = Journal(run.journal)
        try:
            return [dataset.incoming_of(Path(journal.meta()["out"]), run.id)]
        finally:
            journal.close()
    return []


def _elsewhere(
    inventory: Inventory, transport: Transport, old: Sequence[Run], days: float, dry: bool
) -> tuple[list[Taken], list[FarmError]]:
    """The same on all workers and a loader of its own, at once."""
    places = [(host, f"{ROOT}/runs") for host in inventory.group("workers")]
    places += [(host, str(LOADS)) for host in inventory.group("loader") if not host.local]
    names = {run.id for run in old}
    minutes = max(days * _DAY, 2 * trial.SECONDS) / 60
    asked = [gevent.spawn(_on_host, transport, host, folder, names, minutes, dry) for host, folder in places]
    gevent.joinall(asked)
    taken: list[Taken] = []
    errors: list[FarmError] = []
    for greenlet in asked:
        found = greenlet.get()
        if isinstance(found, FarmError):
            errors.append(found)
        else:
            taken += found
    return taken, errors


def _on_host(
    transport: Transport, host: Host, folder: str, names: set[str], minutes: float, dry: bool
) -> list[Taken] | FarmError:
    try:
        session = transport.connect(host)
    except FarmError as error:
        return error
    try:
        return _take(session, host, folder, names | _trials(session, folder, minutes), dry)
    except FarmError as error:
        return error
    finally:
        session.close()


def _trials(session: Session, folder: str, minutes: float) -> set[str]:
    """Those that no head can be at any more."""
    found = f"find {shlex.quote(folder)} -maxdepth 1 -name '{trial.PREFIX}*' -mmin +{minutes:.0f} -printf '%f\\n'"
    return set(session.run(f"{found} 2>/dev/null; true", _SECONDS).out.split())


def _take(session: Session, host: Host, folder: str, names: set[str], dry: bool) -> list[Taken]:
    said = session.run(f"cd {shlex.quote(folder)} 2>/dev/null && du -sk -- */; true", _SECONDS)
    sizes = [line.split("\t", 1) for line in said.out.splitlines() if "\t" in line]
    found = {name.rstrip("/"): int(size) * 1024 for size, name in sizes}
    taken = [Taken(name, host.name, f"{folder}/{name}", size) for name, size in found.items() if name in names]
    if taken and not dry:
        gone = session.run(f"rm -rf -- {shlex.join(each.path for each in taken)}", _SECONDS)
        if gone.code != 0:
            raise RunError(f"{host.where} cannot remove them: {gone.err.strip()}")
    return taken
