"""What an agent says of its host, and how it comes to be the only agent of its run there."""

import fcntl
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

from farm.worker import processes
from farm.worker.protocol import PROTOCOL, Message

_TAKE_OVER = 10
"""Seconds that the former agent of the run has to end its tasks and itself."""


def clock() -> float:
    """Seconds that pass while the host is suspended too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def release() -> str | None:
    """The digest of the release that this agent belongs to; None outside of any, and in one that is not complete."""
    try:
        return str(json.loads(Path(sys.prefix, "RELEASE.json").read_text())["digest"])
    except (OSError, ValueError, KeyError):
        return None


def refusal() -> str | None:
    """Why this agent starts no tasks: the run's release, which the head names in FARM_RELEASE, is another one."""
    wanted, found = os.environ.get("FARM_RELEASE"), release()
    if not wanted or wanted == found:
        return None
    return (
        f"{sys.prefix} is {f'release {found[:12]}' if found else 'no complete release'}, and the run began with"
        f" {wanted[:12]}: remove it there, and bring it back from its sources with farm upgrade"
    )


def hello(swept: list[str]) -> Message:
    """The agent's first message; ``swept`` names the tasks that dead agents had left."""
    memory = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return {
        "t": "hello",
        "protocol": PROTOCOL,
        "release": release(),
        "host": socket.gethostname(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "memory": int(memory["MemTotal"].split()[0]) * 1024,
        "swept": swept,
    }


def take_over(path: Path) -> int:
    """Lock the run on this worker; a former agent of the run is ended first. Returns the lock's descriptor.

    Supervisors share the lock, so that it is free only when no task of the former agent is left.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + _TAKE_OVER
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            former = os.pread(lock, 100, 0).decode()
            if former and processes.identity(int(former.partition(":")[0])) == former:
                processes.kill(int(former.partition(":")[0]), signal.SIGTERM)
            if time.monotonic() > deadline:
                sys.exit(f"farm-agent: the former agent of this run ({former}) does not end")
            time.sleep(0.05)
    os.ftruncate(lock, 0)
    os.pwrite(lock, (processes.identity(os.getpid()) or "").encode(), 0)
    return lock
