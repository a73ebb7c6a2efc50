"""When a run ends before its tasks, as GNU parallel's ``--halt`` says it: ``soon,fail=5`` or ``now,fail=10%``. Pure."""

import re
from dataclasses import dataclass
from math import ceil

_TEXT = re.compile(r"(soon|now),fail=([1-9]\d*)(%?)")


@dataclass(frozen=True)
class Halt:
    """``soon``: start nothing more, and let what runs end; ``now``: kill it."""

    now: bool
    fail: int
    """How many tasks may fail for good until then, or a percentage of all tasks."""
    percent: bool

    def reached(self, failed: int, tasks: int) -> bool:
        """Whether so many of the run's tasks are too many; a percentage is rounded up."""
        return failed >= (ceil(tasks * self.fail / 100) if self.percent else self.fail)

    def __str__(self) -> str:
        return f"{'now' if self.now else 'soon'},fail={self.fail}{'%' if self.percent else ''}"


def parse(text: str) -> Halt:
    """Raises ValueError for what is neither ``soon,fail=N`` nor ``now,fail=N``; N may be a percentage."""
    match = _TEXT.fullmatch(text.strip())
    if not match or (match[3] and int(match[2]) > 100):
        raise ValueError(f"{text!r} is no way to halt: write soon,fail=5 or now,fail=10%")
    return Halt(match[1] == "now", int(match[2]), bool(match[3]))
