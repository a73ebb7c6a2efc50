"""What is mounted below the lab's folder."""

from pathlib import Path

from farm.lab.command import run
from farm.lab.state import ROOT


def below(folder: Path = ROOT) -> list[str]:
    """Mount points at or below ``folder``, the latest first."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [point for point in reversed(points) if Path(point).is_relative_to(folder)]


def clear() -> None:
    """Unmount all of it. A loop device ends with its mount."""
    for point in below():
        run("umount", point)
