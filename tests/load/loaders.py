"""csv_to_database as a process of its own, and what its summary says."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from command import Ended

COUNTS = ("inserted", "updated", "unchanged", "guarded", "rejected", "absent")
DYING = Path(__file__).with_name("killed.py")


def start(folder: Path, option_file: Path, *arguments: str, dies: str = "never") -> "subprocess.Popen[str]":
    """Begin a load in small chunks; ``dies``: the point at which it kills itself, see killed.py."""
    command = [sys.executable, DYING, dies, folder, "--option-file", option_file, "--json", *arguments]
    return subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def ended(process: "subprocess.Popen[str]") -> Ended:
    stdout, stderr = process.communicate(timeout=100)
    return Ended(process.returncode, stdout, stderr)


def run(folder: Path, option_file: Path, *arguments: str, dies: str = "never") -> Ended:
    return ended(start(folder, option_file, *arguments, dies=dies))


def counts(said: dict[str, Any]) -> dict[str, int]:
    """The counts of a load that are not zero. They add up."""
    found = {name: said["load"][name] for name in COUNTS}
    assert sum(found.values()) == said["rows"]
    return {name: number for name, number in found.items() if number}
