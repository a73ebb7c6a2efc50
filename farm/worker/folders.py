"""A run's folders on this worker: one an attempt, under the root and, where the head shares a folder, there too."""

import contextlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PREPARED = "prepared"
"""What the head put into a run's folder before its first task."""
_TAIL = 2000


class Folders:
    def __init__(self, root: Path, shared: Path | None, run: str) -> None:
        self.root = root / "runs" / run
        self.shared = shared / "runs" / run if shared else None

    def work(self, task: str, attempt: int) -> Path:
        """Where the attempt's command runs: ``log``, ``receipt.json``, ``progress.json``."""
        return self.root / f"{task}.{attempt}"

    def out(self, task: str, attempt: int) -> Path:
        """For the output of the attempt's command."""
        return self.shared / f"{task}.{attempt}" if self.shared else self.work(task, attempt) / "out"

    def clear(self) -> None:
        """Remove what a former agent of the run left half done; its head knows it as lost."""
        for folder in self._all():
            for attempt in folder.glob("*.*/"):
                shutil.rmtree(attempt, ignore_errors=True)

    def forget(self, task: str, attempt: int) -> None:
        for folder in self._all():
            shutil.rmtree(folder / f"{task}.{attempt}", ignore_errors=True)

    def leave(self) -> None:
        """The run has ended: what it was prepared with goes, and of its folders only those stay that hold something."""
        shutil.rmtree(self.root / PREPARED, ignore_errors=True)
        for folder in self._all():
            with contextlib.suppress(OSError):
                folder.rmdir()

    def progress(self, attempts: Iterable[tuple[str, int]]) -> dict[str, Any]:
        """What the progress files of these attempts hold, by task."""
        found = {}
        for task, attempt in attempts:
            with contextlib.suppress(OSError, ValueError):
                found[task] = json.loads((self.work(task, attempt) / "progress.json").read_bytes())
        return found

    def tail(self, task: str, attempt: int) -> str:
        """The end of the attempt's log."""
        try:
            with (self.work(task, attempt) / "log").open("rb") as file:
                file.seek(max(0, file.seek(0, 2) - _TAIL))
                return file.read(_TAIL).decode(errors="replace")
        except OSError:
            return ""

    def _all(self) -> list[Path]:
        return [self.root, self.shared] if self.shared else [self.root]
