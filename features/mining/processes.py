"""A process and those that it has started: who they are, and the memory that they hold together. Linux's /proc."""

import contextlib
import ctypes
import os
import resource
import signal
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

PROC = Path("/proc")
LOOK = 0.1
"""Seconds between looks at the memory of a process."""
FURTHER = 1024
"""Processes and threads that may come, of all that the user has: a function that forks without end stops there. The
kernel does not hold root to it."""
_PR_SET_CHILD_SUBREAPER = 36


def tree(pid: int) -> list[int]:
    """The process and all that descend from it."""
    found = [pid]
    for each in found:
        with contextlib.suppress(OSError):
            for thread in (PROC / str(each) / "task").iterdir():
                found += [int(child) for child in (thread / "children").read_text().split()]
    return found


class Keeper:
    """Ends a process, with all that it has started, once they hold more memory than they may while it is at work.

    A thread of its own looks, as whoever waits for the process's answers has else to do meanwhile.
    """

    def __init__(self, pid: int, most: int, is_at_work: Callable[[], bool]) -> None:
        self.has_ended_it = False
        self._pid, self._most, self._is_at_work = pid, most, is_at_work
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Before the process is waited for: from then on its number may be another's."""
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(LOOK):
            if self._is_at_work() and exceeds(found := tree(self._pid), self._most):
                self.has_ended_it = True
                kill(found)
                return


def exceeds(pids: Sequence[int], most: int) -> bool:
    """Whether they hold more bytes together, private and shared ones. What they share counts once."""
    resident = sum(_sum(pid, "status", ("RssAnon", "RssShmem")) for pid in pids)
    return resident > most and sum(_sum(pid, "smaps_rollup", ("Pss_Anon", "Pss_Shmem")) for pid in pids) > most


def private() -> int:
    """Bytes of this process's private memory, touched or not."""
    return _sum(os.getpid(), "status", ("VmData",))


def _sum(pid: int, name: str, fields: Sequence[str]) -> int:
    """Bytes; 0 of a process that is gone."""
    try:
        lines = (PROC / str(pid) / name).read_text().splitlines()
    except OSError:
        return 0
    told = dict(line.split(":", 1) for line in lines if ":" in line)
    return sum(int(told[field].split()[0]) for field in fields if field in told) << 10


def kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def kill_group(pid: int) -> None:
    """Of a process that nobody has waited for yet, so that its number is still its own."""
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


def keep_descendants() -> None:
    """Of this process: what they leave behind stays below it, where ``tree`` finds it, and they are not too many."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    most = _threads(os.getuid()) + FURTHER
    resource.setrlimit(resource.RLIMIT_NPROC, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _threads(user: int) -> int:
    """Of all processes of a user."""
    found = 0
    for each in PROC.iterdir():
        with contextlib.suppress(OSError):
            if each.name.isdecimal() and each.stat().st_uid == user:
                found += sum(1 for _ in (each / "task").iterdir())
    return found
