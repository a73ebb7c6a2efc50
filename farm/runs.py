"""Runs on the head: their ids and their folders, ``~/.farm/<env>/runs/<run>/``."""

import fcntl
import json
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from farm.errors import LockedError, RunError
from farm.home import Home

_ID = re.compile(r"\d{8}T\d{6}Z-[a-z]+-[0-9a-f]{4}")


@dataclass(frozen=True)
class Run:
    env: str
    id: str

    @property
    def folder(self) -> Path:
        return Home(self.env).runs / self.id

    @property
    def verb(self) -> str:
        """Of which it is a run: rebuild, run, busy or bench."""
        return self.id.split("-")[1]

    @property
    def made(self) -> float:
        """When, in seconds since 1970."""
        return datetime.strptime(self.id.split("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()

    @property
    def journal(self) -> Path:
        return self.folder / "journal.sqlite"

    @property
    def parts(self) -> Path:
        """Accepted parts: ``<task>.<attempt>.csv`` and ``.json``."""
        return self.folder / "parts"

    @property
    def logs(self) -> Path:
        """Logs of the attempts that failed: ``<task>.<attempt>.log``."""
        return self.folder / "logs"

    @property
    def head_log(self) -> Path:
        """What the head printed since it had no terminal any more, if it lost it or never had one."""
        return self.folder / "head.log"

    @property
    def objects(self) -> Path:
        """The objects that the run was asked for by name, if it was: one a line."""
        return self.folder / "objects.txt"

    @property
    def given(self) -> Path:
        """What was brought to the workers from outside Cassandra, if anything was."""
        return self.folder / "given.tar"

    @property
    def load(self) -> Path:
        """What the load of this run leaves."""
        return self.folder / "load"

    @property
    def begun(self) -> Path:
        """There as long as a load of this run, or its undoing, has begun and not ended (``farm.diff.begun``)."""
        return self.load / "begun.json"

    def is_loaded(self) -> bool:
        """Whether its latest load ended well and is not undone."""
        summary, undone = self.load / "summary.json", self.load / "undo.json"
        try:
            if self.begun.exists():
                return False
            if undone.exists() and undone.stat().st_mtime_ns >= summary.stat().st_mtime_ns:
                return False
            return bool(json.loads(summary.read_bytes())["ok"])
        except (OSError, ValueError, KeyError, TypeError):
            return False

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run against a second head. Raises LockedError where another one holds it."""
        with (self.folder / "lock").open("a") as file:
            # Once more after a moment: somebody may just be looking whether it is held.
            if not any(_lock(file, fcntl.LOCK_EX, pause) for pause in (0.05, 0.2, 0)):
                raise LockedError(
                    f"run {self.id} is held by another farm process on this machine: wait for it, or end it first"
                )
            yield

    def is_held(self) -> bool:
        """Whether a head works at it now."""
        with (self.folder / "lock").open("a") as file:
            return not _lock(file, fcntl.LOCK_SH, 0)


def _lock(file: TextIO, kind: int, pause: float) -> bool:
    """Whether it can be had at once; else waits for a while."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        time.sleep(pause)
        return False
    return True


def create(env: str, verb: str) -> Run:
    """Make the private folder of a new run of ``verb`` (lower-case letters)."""
    Home(env).make()
    while True:
        run = Run(env, f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{verb}-{secrets.token_hex(2)}")
        try:
            run.folder.mkdir(mode=0o700)
        except FileExistsError:
            continue
        for folder in (run.parts, run.logs, run.load):
            folder.mkdir(mode=0o700)
        return run


def every(env: str) -> list[Run]:
    """The runs of an environment, oldest first. Raises RunError where this user may not look."""
    return [Run(env, each.name) for each in _within(Home(env).runs) if _ID.fullmatch(each.name)]


def _within(folder: Path) -> list[Path]:
    """What stands in a folder, nothing where there is none."""
    try:
        return sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise RunError(f"{folder} cannot be read ({error.strerror}): look at runs as the user whose they are") from None


def find(env: str, text: str, verb: str = "") -> Run:
    """The run that ``text`` means: its id, a unique prefix of it, or ``last``, the last one of ``verb`` if given.

    Raises RunError where no run, or more than one, or one of another environment is meant.
    """
    runs = every(env)
    if text == "last":
        if not (of_verb := [run for run in runs if f"-{verb}-" in run.id or not verb]):
            raise RunError(f"environment {env} has no run yet: farm {verb or 'rebuild'} --inventory {env}")
        return of_verb[-1]
    found = [run for run in runs if text and run.id.startswith(text)]
    if len(found) == 1:
        return found[0]
    if found:
        raise RunError(f"{text} means {len(found)} runs of environment {env}: {', '.join(run.id for run in found)}")
    if elsewhere := [run for other in _others(env) for run in every(other) if text and run.id.startswith(text)]:
        run = elsewhere[0]
        raise RunError(f"run {run.id} belongs to environment {run.env}, not to {env}: --inventory {run.env}")
    known = ", ".join(run.id for run in runs[-3:]) or "none"
    raise RunError(f"environment {env} has no run {text}; its latest: {known}")


def _others(env: str) -> Iterator[str]:
    for folder in _within(Home(env).root.parent):
        if folder.is_dir() and folder.name != env:
            yield folder.name
