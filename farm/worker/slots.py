"""A worker's slots, shared by all runs that work there. They are locks on files: nothing is left of a holder that dies.

Slot k is the lock of the file ``<k>``, held by the supervisor of an attempt; a run with N slots takes of 1 to N. Where
none is free, an attempt waits with a ticket, and a free slot goes to the oldest ticket that may take it: no run
starves, whatever numbers of slots the others have.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Slot:
    number: int
    """From 1."""
    lock: int
    """The descriptor that holds it."""


@dataclass(frozen=True)
class Ticket:
    """A place in the queue, for as long as its lock is held."""

    path: Path
    lock: int

    def withdraw(self) -> None:
        self.path.unlink(missing_ok=True)
        os.close(self.lock)


class Slots:
    def __init__(self, folder: Path) -> None:
        self._folder, self._queue = folder, folder / "queue"
        self._issued = 0

    def take(self, limit: int, ticket: Ticket | None = None) -> Slot | None:
        """A free slot of 1 to ``limit`` that no older ticket may have, or None."""
        self._queue.mkdir(mode=0o700, parents=True, exist_ok=True)
        reserved = max(self._waiting_before(ticket), default=0)
        for number in range(reserved + 1, limit + 1):
            if (lock := _lock(self._folder / str(number))) is not None:
                return Slot(number, lock)
        return None

    def queue_up(self, limit: int) -> Ticket:
        self._issued += 1
        name = f"{time.time_ns():020}.{os.getpid()}.{self._issued}-{limit}"
        fresh = self._queue / f"new.{name}"
        lock = _lock(fresh)
        assert lock is not None, "nobody else knows the name"
        return Ticket(fresh.rename(self._queue / name), lock)

    def _waiting_before(self, ticket: Ticket | None) -> Iterator[int]:
        """The limits of older tickets; those of agents that died are removed."""
        for path in sorted(self._queue.glob("[0-9]*")):
            if ticket and path.name >= ticket.path.name:
                return
            if (lock := _lock(path, create=False)) is not None:
                path.unlink(missing_ok=True)
                os.close(lock)
            elif path.exists():
                yield int(path.name.rpartition("-")[2])


def _lock(path: Path, *, create: bool = True) -> int | None:
    """A descriptor that holds the lock of the file, or None where somebody else has it, or there is no such file."""
    with contextlib.suppress(FileNotFoundError):
        file = os.open(path, os.O_RDWR | (os.O_CREAT if create else 0), 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
        else:
            return file
    return None
