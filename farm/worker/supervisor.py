"""One attempt of a task: a process of its own that starts the command, follows it and leaves nothing of it behind.

It is forked from the agent and adopts the command's orphans, so that it knows every descendant as its own; it ends
with the agent, and with SIGTERM. Its receipt goes to the agent at once and then, synced, to the work folder.
"""

import contextlib
import os
import resource
import shutil
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from farm.worker import processes
from farm.worker.lack import lack
from farm.worker.protocol import Receipt, encode

_LATER = 10
"""Nice value of what is left to do when the agent has the receipt: the next attempt's start comes first."""
WAKE = (signal.SIGCHLD, signal.SIGTERM)
"""What ``follow`` waits for; its caller has blocked them."""

_DEFAULT = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE, signal.SIGTERM, signal.SIGCHLD)
"""Signals that a command does not ignore because somebody above it did."""


@dataclass(frozen=True)
class Job:
    """An attempt, as the head asked for it."""

    task: str
    attempt: int
    mark: str
    command: str
    """For ``/bin/sh -c``."""
    timeout: float | None
    """Seconds."""
    work: Path
    """Folder of this attempt: ``log``, ``receipt.json``, ``progress.json`` and where the command runs."""
    out: Path
    """Folder for the command's output."""
    grace: float
    """Seconds between SIGTERM and SIGKILL."""
    kills_before: int
    """How many processes the host had killed for memory."""


def fork(job: Job, environ: Mapping[str, str], report: int, slot: int, keep: tuple[int, ...]) -> int:
    """Start the supervisor of an attempt; returns its process id.

    ``report``, ``slot`` and ``keep`` stay open in it; ``slot`` is closed when nothing of the attempt runs any more.

    Raises OSError where the host has no room for another process.
    """
    agent = os.getpid()
    signal.pthread_sigmask(signal.SIG_BLOCK, WAKE)
    pid = -1
    try:
        pid = os.fork()
    finally:
        if pid:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, WAKE)
    if pid:
        return pid
    try:
        signal.set_wakeup_fd(-1)
        processes.end_with_parent(agent)
        processes.adopt_orphans()
        _let_go({report, slot, *keep})
        _supervise(job, environ, report, slot)
    finally:
        os._exit(0)


def _let_go(keep: set[int]) -> None:
    """Close what belongs to the agent: its channel must end when it ends."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    edges = [2, *sorted(keep), os.sysconf("SC_OPEN_MAX")]
    for low, high in pairwise(edges):
        os.closerange(low + 1, high)


def _supervise(job: Job, environ: Mapping[str, str], report: int, slot: int) -> None:
    started = time.monotonic()
    status: int | None = None
    reason = error = None
    try:
        main = _start(job, environ)
    except (OSError, ValueError) as problem:  # ValueError: text that no command line can hold
        error = f"cannot start the command: {problem}"
    else:
        status, reason = follow(main, job.timeout, job.grace)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    receipt: Receipt = {
        "t": "end",
        "task": job.task,
        "attempt": job.attempt,
        "mark": job.mark,
        "code": None if status is None or os.WIFSIGNALED(status) else os.WEXITSTATUS(status),
        "signal": os.WTERMSIG(status) if status is not None and os.WIFSIGNALED(status) else None,
        "error": error,
        "reason": reason,
        "lack": None if status == 0 or reason else lack(status, job.work, job.kills_before),
        "wall": round(time.monotonic() - started, 4),
        "cpu": round(usage.ru_utime + usage.ru_stime, 4),
        "rss": usage.ru_maxrss * 1024,
    }
    os.close(slot)
    line = encode(receipt)
    with contextlib.suppress(BrokenPipeError):  # the agent is gone; the receipt on disk is then the only one
        os.write(report, line)
    os.nice(_LATER)
    _keep(job.work, line)


def unfollowed(job: Job, why: str, reason: str | None = None) -> Receipt:
    """The receipt of an attempt that has no supervisor to write one."""
    return {
        "t": "end",
        "task": job.task,
        "attempt": job.attempt,
        "mark": job.mark,
        "code": None,
        "signal": None,
        "error": why,
        "reason": reason,
        "lack": None,
        "wall": 0.0,
        "cpu": 0.0,
        "rss": 0,
    }


def _start(job: Job, environ: Mapping[str, str]) -> int:
    """Start the command in a session of its own, with its log as standard output and error; returns its pid."""
    if job.work.exists():
        shutil.rmtree(job.work)
    job.work.mkdir(mode=0o700, parents=True)
    job.out.mkdir(mode=0o750, parents=True, exist_ok=True)
    os.chdir(job.work)
    log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return spawn(job.command, environ, log, log)


def spawn(command: str, environ: Mapping[str, str], out: int, errors: int) -> int:
    """Start a command in a session of its own, without input; returns its pid."""
    return os.posix_spawn(
        "/bin/sh",
        ["sh", "-c", command],
        environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, out, 1),
            (os.POSIX_SPAWN_DUP2, errors, 2),
        ],
        setsid=True,
        setsigmask=(),
        setsigdef=_DEFAULT,
    )


def follow(main: int, timeout: float | None, grace: float) -> tuple[int, str | None]:
    """Wait for a command, at most its timeout, and end all descendants: (wait status, reason)."""
    deadline = None if timeout is None else time.monotonic() + timeout
    reason = None
    ended: dict[int, int] = {}
    while main not in ended:
        left = 3600.0 if deadline is None else deadline - time.monotonic()
        woken = signal.sigtimedwait(WAKE, max(left, 0))
        ended.update(processes.reap())
        if main in ended:
            break
        if woken is not None and woken.si_signo == signal.SIGTERM:
            reason = "killed"
        elif deadline is not None and time.monotonic() >= deadline:
            reason = "timeout"
        else:
            continue
        ended.update(processes.end_descendants(grace))
    ended.update(processes.end_descendants(grace))
    return ended[main], reason


def _keep(work: Path, receipt: bytes) -> None:
    """Put the receipt on disk; a folder that the head has had removed meanwhile needs none."""
    try:
        file = os.open(work / "receipt.tmp", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.write(file, receipt)
        os.fsync(file)
        os.rename(work / "receipt.tmp", work / "receipt.json")  # noqa: PTH104 - many attempts end at once
    except OSError:
        return
