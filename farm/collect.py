"""Brings the parts of a rebuild from the workers to the head, and takes none that is not what the plan asked for."""

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gevent.threadpool import ThreadPool

from farm.errors import PartsError, RunError
from farm.journal import Accepted, Task
from farm.parts import Expected, Part, check
from farm.plan import Window
from farm.preflight import Release
from farm.runs import Run
from farm.transport import Session
from farm.worker.protocol import ROOT


@dataclass(frozen=True)
class PartCollector:
    """A farm.job.Collector. Parts come over the connection, or from the folder that the workers share with the head."""

    run: Run
    release: Release
    window: Window
    shared: Path | None
    _pool: ThreadPool = field(default_factory=lambda: ThreadPool(2), repr=False)

    def __call__(self, session: Session, task: Task, attempt: int) -> Mapping[str, Any]:
        name = f"{task.id}.{attempt}"
        csv, manifest = (self.run.folder / "incoming" / f"{name}.{kind}" for kind in ("csv", "json"))
        csv.parent.mkdir(mode=0o700, exist_ok=True)
        for file in (manifest, csv):
            bring(session, self.run, self.shared, name, file, self._pool)
        part = self._pool.apply(self._take, (manifest, self._expected(task, attempt)))
        return {
            "objects": part.manifest.objects,
            "rows": part.manifest.rows,
            "bytes": part.size,
            "unread": list(part.manifest.unread),
            "sha256": part.manifest.sha256,
        }

    def sweep(self, accepted: Callable[[], Iterable[Accepted]]) -> None:
        """Remove the parts that a head left which ended before it could note them: their tasks run again."""
        with self.run.locked():
            known = {f"{each.task}.{each.attempt}" for each in accepted()}
            for file in self.run.parts.iterdir():
                if file.stem not in known:
                    file.unlink()

    def _expected(self, task: Task, attempt: int) -> Expected:
        asked = task.detail or {}
        return Expected(
            run=self.run.id,
            environment=self.run.env,
            window=self.window,
            release=self.release.digest,
            schema=self.release.schema,
            task=task.id,
            attempt=attempt,
            range=tuple(asked["range"]) if "range" in asked else None,
            asked=asked.get("objects"),
        )

    def _take(self, manifest: Path, expected: Expected) -> Part:
        part = check(manifest, expected)
        for file in (part.csv, manifest):
            file.replace(self.run.parts / file.name)
        return part


def bring(session: Session, run: Run, shared: Path | None, name: str, file: Path, pool: ThreadPool) -> None:
    """Bring a file of an attempt (``<task>.<attempt>``). Raises PartsError where the task left none."""
    try:
        if shared is None:
            session.fetch(f"{ROOT}/runs/{run.id}/{name}/out/{file.name}", file)
        else:
            pool.apply(_copy, (shared / "runs" / run.id / name / file.name, file))
    except FileNotFoundError:
        raise PartsError(f"the task left no {file.name}") from None


def _copy(source: Path, target: Path) -> None:
    try:
        shutil.copyfile(source, target)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise RunError(f"{source} cannot be copied to {target}: {error}") from error
