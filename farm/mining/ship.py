"""Brings the archive of a run to a worker, into the run's own folder; again wherever it is not there."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from farm.errors import ReleaseError
from farm.preflight import Release
from farm.transport import Session
from farm.worker.folders import PREPARED
from farm.worker.protocol import ROOT

_SECONDS = 300


def place(run: str) -> str:
    """The folder on a worker."""
    return f"{ROOT}/runs/{run}/{PREPARED}"


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
            raise ReleaseError(f"a worker cannot take the script and its packages: {why}")
