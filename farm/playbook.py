"""Runs a playbook of the project, as the operator would; what it prints is progress."""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from farm.errors import LockedError, ReleaseError, SetupError, UnreachableError
from farm.inventory import Inventory
from farm.release import project

_UNREACHABLE = 4


def play(inventory: Inventory, name: str, variables: Mapping[str, Any]) -> None:
    """Run ``playbooks/<name>.yml`` on an inventory; its output goes to standard error.

    One at a time in an environment: what one has staged, another must not take away. Raises LockedError where another
    runs, UnreachableError where a host was lost, ReleaseError where something else failed: the playbook's own output
    says what.
    """
    program = Path(sys.executable).with_name("ansible-playbook")
    if not program.exists():
        raise SetupError(f"{program} is not there: install lightcurve-farm[head]")
    book = f"playbooks/{name}.yml"
    with _alone(inventory) as lock:
        code = subprocess.run(
            [program, "-i", inventory.path, book, *(["-e", json.dumps(variables)] if variables else [])],
            cwd=project(),
            env=os.environ | {"ANSIBLE_CONFIG": str(project() / "ansible.cfg"), "LC_ALL": "C.UTF-8"},
            stdout=sys.stderr,
            pass_fds=[lock],
            check=False,
        ).returncode
    if code:
        error = UnreachableError if code == _UNREACHABLE else ReleaseError
        raise error(f"{book} ended with {code}, and said above why; it may be run again: what is done stays done")


@contextmanager
def _alone(inventory: Inventory) -> Iterator[int]:
    """The lock's descriptor: the playbook has it too, and so goes on alone where this process is killed."""
    home = inventory.home
    home.make()
    with (home.root / "playbook.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(
                f"another farm upgrade, rollback or prune is at work on {inventory.env}: wait for it, or end it first"
            ) from None
        yield file.fileno()
