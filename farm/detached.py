"""A run that outlives its terminal: a verb that goes on in a process of its own, and what SIGHUP means to a head.

``detach`` forks: the verb goes on in a session of its own, which tells its parent when the run's head stands
(``announce``); the parent prints the run's id and ends. From then on the head's output goes to ``head.log`` in the
run's folder. Until then it goes where it always goes, so that a user sees why a run cannot begin.
"""

import json
import os
import signal
import sys

from farm.errors import Exit
from farm.runs import Run

_parent: int | None = None
"""In a detached process, the pipe that its parent waits on, until the head stands."""


def detach(*, as_json: bool) -> None:
    """Go on in a process of its own; returns in that one alone. Called before anything starts a thread or gevent."""
    global _parent
    told, _parent = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(told)
        os.setsid()
        return
    os.close(_parent)
    with open(told, encoding="utf-8") as file:  # noqa: PTH123 - a descriptor, not a path
        try:
            run = file.read()
        except BaseException:
            os.kill(child, signal.SIGINT)
            raise
    if not run:
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) or Exit.OK)
    sys.stdout.write((json.dumps({"schema": 1, "run": run}) if as_json else run) + "\n")
    sys.exit(Exit.OK)


def announce(run: Run) -> None:
    """The run's head stands: where the process is detached, its parent may end and the log begins."""
    global _parent
    if _parent is None:
        return
    leave_terminal(run)
    os.write(_parent, run.id.encode())
    os.close(_parent)
    _parent = None


def leave_terminal(run: Run) -> None:
    """Send all further output to the run's ``head.log``, and take no notice of SIGHUP any more."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    log = os.open(run.head_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(log)
    os.close(null)
