"""What a host ran out of while an attempt failed: memory or room on its disk."""

import os
import signal
from pathlib import Path

_FULL = 1 << 16
"""Bytes; a disk with less room than that is full."""


def kills() -> int:
    """How many processes this kernel has killed for memory, in whatever cgroup (proc(5), vmstat oom_kill)."""
    fields = (line.split() for line in Path("/proc/vmstat").read_text().splitlines())
    return next((int(number) for name, number in fields if name == "oom_kill"), 0)


def lack(status: int | None, work: Path, kills_before: int) -> str | None:
    """By the wait status of a command that failed, None where it was not started, and ``kills`` of before.

    A shell says 128 + 9 of a command of its own that SIGKILL ended.
    """
    killed = status is not None and (
        (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL)
        or (os.WIFEXITED(status) and os.WEXITSTATUS(status) == 128 + signal.SIGKILL)
    )
    if killed and kills() > kills_before:
        return "out of memory"
    return "disk full" if _room(work) < _FULL else None


def _room(folder: Path) -> int:
    """Bytes that a user may still write there, or in the nearest folder above that exists."""
    for place in (folder, *folder.parents):
        try:
            stat = os.statvfs(place)
        except FileNotFoundError:
            continue
        return stat.f_bavail * stat.f_frsize if stat.f_favail or not stat.f_files else 0
    return 0
