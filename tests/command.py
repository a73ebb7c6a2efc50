"""The farm command as a user runs it, for tests."""

import json
import os
import subprocess
import sys
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
