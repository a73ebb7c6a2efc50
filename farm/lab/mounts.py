"""What is mounted in the lab's folder."""

from pathlib import Path

from farm.lab.command import run


def below(folder: Path) -> list[str]:
    """Mount points at or below ``folder``, the latest first."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [point for point in reversed(points) if Path(point).is_relative_to(folder)]


def clear(folder: Path) -> None:
    """Unmount all of that. A loop device ends with its mount."""
    for point in below(folder):
        run("umount", point)
