"""Commands as a user runs them, for tests."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Ended:
    code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        """What a command with --json printed; fails the test where the command failed."""
        assert self.code == 0, self.stderr
        return json.loads(self.stdout)


def farm(*arguments: str, timeout: float = 300, **environment: str) -> Ended:
    """Run ``farm`` from the project's root, its output captured."""
    done = subprocess.run(
        [Path(sys.executable).with_name("farm"), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        env=os.environ | environment,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def asked(words: Sequence[str | Path], answer: str, timeout: float = 200, **environment: str) -> tuple[int, str]:
    """Run a command at a terminal, from the project's root, and type ``answer`` where it asks (``...:``) and waits.

    Its exit code, and all that was on the screen.
    """
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(ROOT)
        os.execvpe(words[0], [str(word) for word in words], os.environ | environment)
    shown, ends = b"", time.monotonic() + timeout
    with suppress(OSError):  # the program has closed its side
        while time.monotonic() < ends:
            if select.select([terminal], [], [], 1)[0]:
                shown += os.read(terminal, 1 << 16)
            elif shown.rstrip().endswith(b":"):  # only now: what is typed before it waits is flushed
                os.write(terminal, f"{answer}\r".encode())
        os.killpg(child, signal.SIGKILL)
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode()
