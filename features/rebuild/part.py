"""A part: the CSV of a task's rows, in the order of its streams, and the manifest that describes it."""

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any, BinaryIO

from features.target import target

FORMAT = 1
MEMORY = 1 << 20
"""Bytes of text of one stream that wait in memory for the streams before it; more wait in a file."""


@dataclass
class Ordered:
    """Text that comes stream by stream in any order, and goes into one file in the streams' order."""

    file: BinaryIO
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    _now: int = 0
    _waiting: dict[int, IO[bytes]] = field(default_factory=dict)
    _ended: set[int] = field(default_factory=set)

    def write(self, stream: int, text: bytes) -> None:
        if stream == self._now:
            self._put(text)
            return
        if stream not in self._waiting:
            self._waiting[stream] = SpooledTemporaryFile(MEMORY)  # noqa: SIM115
        self._waiting[stream].write(text)

    def end(self, stream: int) -> None:
        """No text of this stream will follow."""
        self._ended.add(stream)
        while self._now in self._ended:
            self._now += 1
            if (waiting := self._waiting.pop(self._now, None)) is not None:
                waiting.seek(0)
                while text := waiting.read(MEMORY):
                    self._put(text)
                waiting.close()

    def _put(self, text: bytes) -> None:
        self.file.write(text)
        self.digest.update(text)


@contextmanager
def atomic(path: Path) -> Iterator[BinaryIO]:
    """A file that is there under its name when it is whole and on disk, and else not at all.

    Raises OSError as ``target``.
    """
    path = target(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with fresh.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        fresh.unlink(missing_ok=True)


def task() -> dict[str, Any]:
    """What the agent, by the environment, and the release, by its own file, say about this task."""
    told = os.environ
    return {
        "run": told.get("FARM_RUN", ""),
        "task": told.get("FARM_TASK", ""),
        "attempt": int(told.get("FARM_ATTEMPT", "0")),
        "environment": told.get("FARM_ENV", ""),
        "release": release(Path(sys.prefix)),
    }


def release(prefix: Path) -> str:
    """The digest of the release that this interpreter belongs to."""
    try:
        return str(json.loads((prefix / "RELEASE.json").read_text())["digest"])
    except (OSError, ValueError, KeyError):
        return "unreleased"


def write_manifest(csv: Path, manifest: Mapping[str, Any]) -> None:
    """Written after the CSV: where it stands, the part is whole."""
    with atomic(csv.with_suffix(".json")) as file:
        file.write(json.dumps({"format": FORMAT, **manifest}, indent=1).encode())
