"""How far a task has come, for the agent: a file that is replaced now and then."""

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from features.target import target

EVERY = 0.5
"""Seconds."""


@dataclass
class Progress:
    """Without a file it says nothing. Progress that cannot be written stops no task."""

    file: Path | None
    _said: float = field(default_factory=time.monotonic)

    @classmethod
    def from_environment(cls) -> "Progress":
        name = os.environ.get("FARM_PROGRESS")
        return cls(Path(name) if name else None)

    def say(self, done: float, rows: int, objects: int) -> None:
        """``done`` is a fraction."""
        now = time.monotonic()
        if self.file is None or (now - self._said < EVERY and done < 1):
            return
        self._said = now
        try:
            place = target(self.file)
            fresh = place.with_name(f"{place.name}.new")
            fresh.write_text(json.dumps({"done": round(done, 4), "rows": rows, "objects": objects}))
            fresh.replace(place)
        except OSError:
            self.file = None
