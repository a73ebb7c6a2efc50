"""Parts of a dataset: what comes from the workers, checked and kept, and made one at the end."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gevent.threadpool import ThreadPool

from farm.collect import bring
from farm.errors import PartsError, RunError
from farm.journal import Task
from farm.preflight import Release
from farm.runs import Run
from farm.transport import Session
from features.mining.job import Job
from features.rebuild.part import FORMAT

_SAME = ("format", "run", "environment", "release", "task", "attempt", "range", "window", "script", "function")


@dataclass
class Collector:
    """A farm.job.Collector: parts come to a folder on the disk of the dataset, and are moved from then on."""

    run: Run
    release: Release
    job: Job
    folder: Path
    shared: Path | None
    failed: int
    """Objects for which the function failed, in the parts that are accepted."""
    _pool: ThreadPool = field(default_factory=lambda: ThreadPool(2), repr=False)

    @property
    def spent(self) -> bool:
        """Whether more objects have failed than may."""
        return self.failed > self.job.limits.errors

    def __call__(self, session: Session, task: Task, attempt: int) -> Mapping[str, Any]:
        """Raises RunError where more objects have failed than may."""
        name = f"{task.id}.{attempt}"
        part, manifest = (self.folder / f"{name}.{kind}" for kind in (self.job.kind, "json"))
        for file in (manifest, part):
            bring(session, self.run, self.shared, name, file, self._pool)
        told = self._pool.apply(_checked, (manifest, part, self._expected(task, attempt)))
        failed = self.failed + told["failed"]
        if failed > self.job.limits.errors:  # first: a part with too many has ended early, without all its objects
            self.failed = failed
            raise RunError(_too_many(failed, self.job, told))
        if (count := (task.detail or {}).get("objects")) is not None and count != told["objects"] + len(told["unread"]):
            raise PartsError(f"{part.name} has {told['objects']} objects of {count}")
        self.failed = failed
        return {key: told[key] for key in ("objects", "rows", "yielded", "failed", "unread", "errors", "sha256")} | {
            "bytes": part.stat().st_size
        }

    def _expected(self, task: Task, attempt: int) -> dict[str, Any]:
        asked = (task.detail or {}).get("range")
        values = (FORMAT, self.run.id, self.run.env, self.release.digest, task.id, attempt, asked, self.job.window)
        return dict(zip(_SAME, (*values, self.job.digest, self.job.function), strict=True))


def _too_many(failed: int, job: Job, told: Mapping[str, Any]) -> str:
    most = max(told["errors"], key=lambda each: each["count"])
    return (
        f"{job.function} has failed for {failed} objects, and may for {job.limits.errors} (--max-errors): the run ends;"
        f" mend the script and begin a new one. {most['count']} times {most['kind']}, {most['objects'][0]} first:\n"
        f"{most['traceback']}"
    )


def _checked(manifest: Path, part: Path, expected: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest. Raises PartsError where it is another than what was asked for, or the part not what it says."""
    try:
        told: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))
        with part.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        raise PartsError(f"the part {part.name} cannot be read: {error}") from None
    for name, value in expected.items():
        if told.get(name) != value:
            raise PartsError(f"{manifest.name} has {name} {told.get(name)}, where {value} is expected")
    if digest != told["sha256"]:
        raise PartsError(f"the part {part.name} is damaged: its SHA-256 is not the manifest's")
    return told
