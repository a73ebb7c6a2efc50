"""Processes of a task: found, ended and swept, those in sessions of their own too. Linux only."""

import contextlib
import ctypes
import errno
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_NAMESPACE = Path("/proc/self/ns/pid")
_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends (a subreaper, see prctl(2))."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def end_with_parent(parent: int) -> None:
    """Get SIGTERM when the parent ends; end now if it has ended already."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(0)


def children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found += map(int, (thread / "children").read_text().split())
    return found


def descendants(pid: int) -> Iterator[int]:
    for child in children(pid):
        yield child
        yield from descendants(child)


def kill(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def reap() -> list[tuple[int, int]]:
    """Collect the children that have ended: (pid, wait status)."""
    ended: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended.append((pid, status))


def has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def end_descendants(grace: float) -> list[tuple[int, int]]:
    """End every descendant of this process: SIGTERM, and SIGKILL after ``grace`` seconds. Returns what was reaped.

    The caller has adopted orphans, so that nothing escapes: what loses its parent on the way becomes a child.
    """
    ended = reap()
    if not has_children():
        return ended
    for pid in list(descendants(os.getpid())):
        kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while has_children():
        if time.monotonic() >= deadline:
            for pid in list(descendants(os.getpid())):
                kill(pid, signal.SIGKILL)
        time.sleep(0.01)
        ended += reap()
    return ended


def identity(pid: int) -> str | None:
    """``pid:start time``, which no later process has; None where there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else f"{pid}:{fields[18]}"


def sweep() -> list[str]:
    """Kill the processes of this user whose agent is dead (FARM_AGENT in their environment). Returns their tasks."""
    swept: set[str] = set()
    while found := list(_orphans()):
        for pid, task in found:
            kill(pid, signal.SIGKILL)
            swept.add(task)
        time.sleep(0.01)
    return sorted(swept)


def _ours(folder: Path) -> bool:
    """Whether a process is this user's, and not one of a container whose process ids are others."""
    try:
        return folder.stat().st_uid == os.getuid() and (folder / "ns/pid").readlink() == _NAMESPACE.readlink()
    except OSError:
        return False


def _orphans() -> Iterator[tuple[int, str]]:
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or identity(int(folder.name)) is None or not _ours(folder):
            continue
        try:
            raw = (folder / "environ").read_bytes()
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM, errno.ENOENT, errno.ESRCH):
                continue
            raise
        environ = dict(pair.partition(b"=")[::2] for pair in raw.split(b"\0"))
        agent = environ.get(b"FARM_AGENT", b"").decode()
        if agent and identity(int(agent.partition(":")[0])) != agent:
            yield int(folder.name), "/".join(environ.get(key, b"?").decode() for key in (b"FARM_RUN", b"FARM_TASK"))
