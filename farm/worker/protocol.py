"""What head and agent say to each other: JSON objects, one a line, over the agent's standard input and output.

Head to agent
    ``run``     task, attempt, mark, command, timeout (seconds or null), slots: how many the run has on this worker
    ``kill``    task, attempt, reason
    ``forget``  task, attempt: the work folder is no longer needed
    ``beat``    n: keeps the lease, once a second
    ``stop``    end now, with all tasks

Agent to head
    ``hello``   protocol, release, host, cores, load, memory, swept
    ``refused`` why: instead of hello, where the agent's release is not the run's (FARM_RELEASE)
    ``end``     the receipt of an attempt, see Receipt
    ``waits``   task, attempt: other runs have the slots
    ``began``   task, attempt: it waits no longer
    ``beat``    n, load, progress: {task: what its progress file holds}

Both sides import this module, and each may run another release: the head refuses an agent of another PROTOCOL.
"""

import json
from typing import Any, NotRequired, TypedDict

PROTOCOL = 2
ROOT = "/var/lib/farm"
"""Where a worker keeps runs: ``runs/<run>/<task>.<attempt>/``."""
LEASE = 5.0
"""Seconds without a beat after which an agent kills its tasks and ends."""
GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL."""

Message = dict[str, Any]


class Receipt(TypedDict):
    """How an attempt ended. Exactly one of code, signal and error is not null."""

    t: str
    task: str
    attempt: int
    mark: str
    """The random mark that the head gave with the command."""
    code: int | None
    signal: int | None
    error: str | None
    """Why the command could not be started or followed."""
    reason: str | None
    """``timeout`` or what the head gave with ``kill``; null where the command ended by itself."""
    lack: str | None
    """``out of memory`` or ``disk full``, of the worker's host as the command failed by itself; else null."""
    wall: float
    """Seconds."""
    cpu: float
    """Seconds of user and system time of the command and its descendants."""
    rss: int
    """Largest resident set of any of them, bytes."""
    tail: NotRequired[str]
    """The end of the log of an attempt that failed."""
    slot: NotRequired[int]
    """The worker's slot that it had, from 1; older agents do not say."""


def encode(message: Message | Receipt) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Message:
    """Raises ValueError where the line is not one message."""
    message = json.loads(line)
    if not isinstance(message, dict) or not isinstance(message.get("t"), str):
        raise ValueError(f"not a message: {line[:80]!r}")  # noqa: TRY004 - one error for every broken line
    return message
