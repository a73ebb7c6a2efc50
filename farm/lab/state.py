"""Whose lab this is: one record, one lock, and the judgement that follows from them."""

import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path

from farm.errors import LabError, LockedError

ROOT = Path("/var/lib/farm-lab")
CHECKOUT = Path(__file__).resolve().parents[2]

_RECORD = ROOT / "state.json"
_LOCK = ROOT / "lock"


@dataclass(frozen=True)
class Holder:
    """A process, a test run say, that the lab lives and dies with. ``started`` tells it from a later one of that id."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> "Holder":
        """Raises LabError where no process has that id."""
        started = _started(pid)
        if started is None:
            raise LabError(f"no process {pid} is there to hold the lab")
        return cls(pid, started)

    @property
    def alive(self) -> bool:
        return _started(self.pid) == self.started


def _started(pid: int) -> str | None:
    """When a living process was started, in ticks since the machine's boot."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


@dataclass(frozen=True)
class Record:
    """What is on disk about the lab. ``complete`` is false while `up` is at work; ``boot`` is this machine's boot."""

    owner: str
    image: str
    complete: bool
    boot: str
    holder: Holder | None = None


def boot() -> str:
    """Identity of this machine's present boot: after another one nothing of a lab runs any more."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def is_checkout(path: str) -> bool:
    """Whether a checkout of this project still stands there."""
    return (Path(path) / "farm/lab").is_dir()


class Verdict(Enum):
    NONE = "no lab is there"
    DEAD = "a lab was left behind: its making was interrupted, or its owner is gone"
    OURS = "the lab is this checkout's"
    FOREIGN = "another checkout's lab is alive"


def judge(record: Record | None, *, checkout: str, boot: str, owner_exists: bool, any_host_alive: bool) -> Verdict:
    """Whose the lab of ``record`` is, for somebody at ``checkout`` who holds the lock."""
    if record is None:
        return Verdict.NONE
    if not record.complete or record.boot != boot or (record.holder is not None and not record.holder.alive):
        return Verdict.DEAD
    if record.owner == checkout:
        return Verdict.OURS
    held = record.holder is not None or owner_exists
    return Verdict.FOREIGN if any_host_alive and held else Verdict.DEAD


def read() -> Record | None:
    """The record, if there is one; a damaged one counts as that of an interrupted `up`."""
    try:
        text = _RECORD.read_text()
    except FileNotFoundError:
        return None
    try:
        fields = json.loads(text)
        holder = fields.pop("holder")
        return Record(**fields, holder=Holder(**holder) if holder else None)
    except (ValueError, TypeError, KeyError, AttributeError):
        return Record(owner="unknown", image="", complete=False, boot="")


def write(record: Record) -> None:
    """Put the record on disk, whole or not at all."""
    fresh = _RECORD.with_suffix(".new")
    with fresh.open("w") as file:
        json.dump(asdict(record), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(_RECORD)


def forget() -> None:
    _RECORD.unlink(missing_ok=True)


@contextmanager
def locked(wait: float = 60) -> Iterator[None]:
    """One `farm lab` command at a time on this machine. Leaves neither lock nor folder where nothing else stands there.

    Raises LockedError, naming the other command, when it has not ended after ``wait`` seconds.
    """
    file = _acquire(time.monotonic() + wait)
    try:
        os.truncate(file, 0)
        os.pwrite(file, f"pid {os.getpid()}: {' '.join(sys.argv)}".encode(), 0)
        yield
    finally:
        if not _RECORD.exists():
            _LOCK.unlink()
            with suppress(OSError):
                ROOT.rmdir()
        os.close(file)


def _acquire(deadline: float) -> int:
    while True:
        ROOT.mkdir(mode=0o755, parents=True, exist_ok=True)
        try:
            file = os.open(_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _LOCK.exists() and os.path.samestat(os.fstat(file), _LOCK.stat()):
                return file
        except BlockingIOError:
            if time.monotonic() > deadline:
                other = os.pread(file, 200, 0).decode(errors="replace")
                os.close(file)
                raise LockedError(f"another farm lab command is at work ({other}); wait until it has ended") from None
            time.sleep(0.05)
        os.close(file)
