"""Several processes that start together, and the seconds until the last one has ended."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Together:
    seconds: float
    said: list[dict[str, Any]]
    peak_kib: int
    """The largest resident set of one of them."""


def together(commands: list[list[str]], timeout: float = 1800) -> Together:
    """Start ``python -m`` commands, wait for the ``ready`` of each, let them go, and wait for the last one.

    Raises RuntimeError where one fails.
    """
    started = [
        subprocess.Popen(
            ["/usr/bin/env", sys.executable, "-m", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for command in commands
    ]
    for process in started:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise RuntimeError(f"{process.args} did not become ready")
    begun = time.monotonic()
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=timeout)[0] for process in started]
    seconds = time.monotonic() - begun
    if any(process.returncode for process in started):
        raise RuntimeError(f"{started[0].args} and its like ended with {[each.returncode for each in started]}")
    said = [json.loads(output) for output in outputs]
    return Together(seconds, said, max((each.get("peak_kib", 0) for each in said), default=0))
