"""``farm load``: a run's parts to the loader, and ``csv_to_database`` on them there."""

import json
import secrets
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from farm import outcome
from farm.diff.gates import DEFAULTS, Limits
from farm.diff.run import require
from farm.errors import Exit, FarmError, PartsError, ReleaseError, RunError, UnreachableError
from farm.inventory import Host, Inventory
from farm.journal import Journal
from farm.load.options import EVERYTHING, Options
from farm.load.summary import lines
from farm.parts import Expected, claimed
from farm.preflight import Release
from farm.runs import Run, find
from farm.transport import Session, Transport

LOADS = PurePosixPath("/var/lib/farm/loads")
OPTION_FILE = PurePosixPath("/etc/farm/loader.cnf")
_SECONDS = 30


@dataclass(frozen=True)
class Ready:
    """A rebuild that has ended well, and all its parts."""

    run: Run
    release: PurePosixPath
    """The folder of its release, on workers and on a remote loader."""
    parts: tuple[Path, ...]
    """CSVs and manifests, on the head."""


def ready(env: str, text: str) -> Ready:
    """The run that ``text`` means (see ``farm.runs.find``), with what its load needs.

    Raises RunError where it is none that can be loaded, PartsError where a part is missing or is another run's.
    """
    run = find(env, text, "rebuild")
    journal = Journal(run.journal)
    try:
        meta, counts, accepted = journal.meta(), journal.counts(), journal.accepted()
    finally:
        journal.close()
    if (verb := run.id.split("-")[1]) != "rebuild":
        raise RunError(f"run {run.id} is one of farm {verb} and has no parts: name one of farm rebuild")
    if open_ := {state: number for state, number in counts.items() if state != "done"}:
        told = ", ".join(f"{number} {state}" for state, number in open_.items())
        verb = "retry" if "held" in open_ else "resume"
        todo = "wait for its head" if run.is_held() else f"farm {verb} {run.id} --inventory {env}"
        raise RunError(f"run {run.id} is not whole ({told} of {sum(counts.values())} tasks): {todo}, then load")
    names = [run.parts / f"{each.task}.{each.attempt}.{kind}" for each in accepted for kind in ("csv", "json")]
    if missing := [name for name in names if not name.exists()]:
        raise PartsError(
            f"{len(missing)} files of run {run.id} are missing, {missing[0]} the first: farm rebuild --inventory {env}"
        )
    release = PurePosixPath(meta["folder"])
    for each in accepted:
        expected = Expected(run.id, env, release=release.name, task=each.task, attempt=each.attempt)
        claimed(run.parts / f"{each.task}.{each.attempt}.json", expected)
    return Ready(run, release, tuple(names))


def galera_check(release: Release) -> str:
    """A remote loader's own test of its way to Galera."""
    return f"exec {release.program('csv_to_database')} --check --option-file {OPTION_FILE}"


def load(
    inventory: Inventory, text: str, transport: Transport, limits: Limits = DEFAULTS, options: Options = EVERYTHING
) -> dict[str, Any]:
    """Load a run on the loader of its inventory; returns the summary of ``csv_to_database``, also kept with the run.

    Raises GateError where it would change more than ``limits`` let through, RunError, PartsError or GaleraError where
    it cannot be loaded, UnreachableError or ReleaseError for a loader that is a host of its own.
    """
    loader = inventory.group("loader")[0]
    what = ready(inventory.env, text)
    with what.run.locked():
        outcome.heads(what.run)
        require(inventory, what.run, limits, options)
        said = _here(inventory, what, options) if loader.local else _there(inventory, what, transport, options.argv())
        keep(what.run, said)
    return said


def undo(inventory: Inventory, text: str, transport: Transport) -> dict[str, Any]:
    """Put back what loads of a run changed, on the loader; returns the summary of ``csv_to_database --undo``.

    Raises what ``load`` raises, and InputError where the run was not loaded.
    """
    loader = inventory.group("loader")[0]
    what = ready(inventory.env, text)
    with what.run.locked():
        outcome.heads(what.run)
        begin_undo(what.run)
        said = _undo_here(inventory, what) if loader.local else _there(inventory, what, transport, ["--undo"])
        keep(what.run, said)
    return said


def begin_undo(run: Run) -> None:
    """Take note that loads are undone: none of them goes on, and the parts stay until that has ended."""
    run.begun.write_text("{}\n", encoding="utf-8")


def keep(run: Run, said: dict[str, Any]) -> None:
    """Keep a load's summary with its run, and the names of guarded and absent objects as lists of their own.

    The lists have an object a line, as ``farm rebuild --objects`` takes them. Of an undo, ``undo.json`` alone is kept,
    until the run is loaded again.
    """
    run.load.mkdir(mode=0o700, exist_ok=True)
    name = "undo" if "undo" in said else "summary"
    (run.load / f"{name}.json").write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
    if name == "summary":
        (run.load / "undo.json").unlink(missing_ok=True)
        for name in ("guarded", "absent"):
            objects = said["load"][f"{name}_objects"]
            (run.load / f"{name}.txt").write_text("".join(f"{each}\n" for each in objects), encoding="utf-8")
    run.begun.unlink(missing_ok=True)


def told(inventory: Inventory, said: dict[str, Any]) -> list[str]:
    """The summary for a person, and where the lists stand that ``keep`` has written."""
    run, load = Run(inventory.env, said["run"]), said["load"] or {}
    found = lines(said)
    if load.get("guarded"):
        command = shlex.join(
            ["farm", "rebuild", "--objects", f"{run.load}/guarded.txt", "--inventory", inventory.argument]
        )
        found.append(f"  to bring the guarded objects up to date: {command}")
    if load.get("absent"):
        found.append(f"  the absent objects, one a line: {run.load}/absent.txt")
    return found


def _here(inventory: Inventory, what: Ready, options: Options) -> dict[str, Any]:
    from farm.load.main import load as csv_to_database

    return csv_to_database(what.run.parts, inventory.home.secret("galera_loader.cnf"), options)


def _undo_here(inventory: Inventory, what: Ready) -> dict[str, Any]:
    from farm.load.main import undo as csv_to_database_undo

    return csv_to_database_undo(what.run.parts, inventory.home.secret("galera_loader.cnf"))


def _there(inventory: Inventory, what: Ready, transport: Transport, arguments: Sequence[str]) -> dict[str, Any]:
    loader, again = inventory.group("loader")[0], f"ansible-playbook -i {inventory.path} provision.yml"
    session = transport.connect(loader)
    try:
        program = what.release / "bin" / "csv_to_database"
        if session.run(f"test -x {shlex.quote(str(program))}", _SECONDS).code != 0:
            raise ReleaseError(f"{loader.where} lacks {program}, the program of the run's release: {again}")
        folder = _share(what, inventory.shared_dir) if inventory.shared_dir else _bring(session, what, again)
        command = shlex.join([str(program), str(folder), "--option-file", str(OPTION_FILE), "--json", *arguments])
        return _follow(session, loader, command, what.run)
    finally:
        session.close()


def _share(what: Ready, shared: Path) -> Path:
    """Put the parts where head and loader both see them."""
    folder = shared / "loads" / what.run.id
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for part in what.parts:
            shutil.copyfile(part, folder / part.name)
    except OSError as error:
        raise RunError(f"the parts of run {what.run.id} cannot be put into {folder}: {error}") from None
    return folder


def _bring(session: Session, what: Ready, again: str) -> PurePosixPath:
    """Copy the parts that the loader lacks; those that are there were put there whole.

    ``again`` provisions the loader.
    """
    folder = LOADS / what.run.id
    place = shlex.quote(str(folder))
    made = session.run(f"umask 027 && mkdir -p {place} && rm -f {place}/.coming && ls {place}", _SECONDS)
    if made.code != 0:
        raise UnreachableError(f"the loader cannot make {folder} ({made.err.strip()}): {again}")
    there = set(made.out.split())
    for number, part in enumerate(what.parts, start=1):
        if part.name not in there:
            coming = folder / ".coming"
            session.put(part, str(coming))
            session.run(f"mv {shlex.quote(str(coming))} {shlex.quote(str(folder / part.name))}", _SECONDS)
        sys.stderr.write(f"\rcopy    {number:>11,} of {len(what.parts):,} files")
    sys.stderr.write("\n")
    return folder


def _follow(session: Session, loader: Host, command: str, run: Run) -> dict[str, Any]:
    """Run the program, its progress on our standard error; its last lines are the summary and a receipt."""
    mark = secrets.token_hex(8)
    said, last, code = "", "", None
    for raw in session.open(f"{command} 2>&1 </dev/null; echo {mark} $?").lines():
        line = raw.decode(errors="replace")
        if line.startswith("{"):
            said = line
        elif line.startswith(mark):
            code = int(line.split()[1])
        else:
            last = line
            sys.stderr.write(f"{line}\n")
    if code is None:
        raise UnreachableError(
            f"the connection to {loader.where} broke during the load: farm load {run.id} --inventory {run.env} goes on"
            " with it"
        )
    if not said:
        raise _error(code, last.removeprefix("csv_to_database: "))
    return dict(json.loads(said))


def _error(code: int, text: str) -> FarmError:
    """The program's error as the class that has its exit code."""
    kinds = {kind.exit: kind for kind in FarmError.__subclasses__()}
    known = code in set(Exit)
    return kinds.get(Exit(code), FarmError)(text) if known else FarmError(f"csv_to_database ended with {code}: {text}")
