"""Brings what a run needs beside the release to its workers: an archive, into the run's own folder on each.

A worker that comes back without it gets it again.
"""

import hashlib
import shlex
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from farm.errors import ReleaseError
from farm.preflight import Release
from farm.release import plain
from farm.transport import Session
from farm.worker.folders import PREPARED
from farm.worker.protocol import ROOT

_SECONDS = 300


def place(run: str) -> str:
    """The folder on a worker."""
    return f"{ROOT}/runs/{run}/{PREPARED}"


def pack(archive: Path, files: Mapping[str, Path]) -> str:
    """Write an archive of files by the names that they are to have; returns its SHA-256, the same for the same ones."""
    with tarfile.open(archive, "w") as tar:
        for name, path in files.items():
            info = tarfile.TarInfo(name)
            info.size = path.stat().st_size
            with path.open("rb") as file:
                tar.addfile(plain(info), file)
    with archive.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Shipping:
    """A ``farm.job.Job.prepare``."""

    run: str
    archive: Path
    digest: str
    release: Release

    def __call__(self, session: Session) -> None:
        """Raises ReleaseError where the worker cannot take it."""
        folder = shlex.quote(place(self.run))
        if session.run(f'[ "$(cat {folder}/digest 2>/dev/null)" = {self.digest} ]', _SECONDS).code == 0:
            return
        self._do(session, f"umask 077; rm -rf {folder} {folder}.new; mkdir -p {folder}.new")
        session.put(self.archive, f"{place(self.run)}.new/archive.tar")
        self._do(
            session,
            f"cd {folder}.new && echo {shlex.quote(f'{self.digest}  archive.tar')} | sha256sum --quiet -c - &&"
            " tar -xf archive.tar && rm archive.tar &&"
            f" if [ -d wheels ]; then {self.release.program('python')} -m features.mining.unpack packages wheels/*.whl"
            f" && rm -r wheels; fi && echo {self.digest} > digest && mv {folder}.new {folder}",
        )

    def _do(self, session: Session, command: str) -> None:
        said = session.run(command, _SECONDS)
        if said.code != 0:
            why = said.err.strip().rpartition("\n")[2] or f"exit code {said.code}"
            raise ReleaseError(f"a worker cannot take what the run brings along: {why}")
