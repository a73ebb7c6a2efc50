"""A function tried on a few objects by one worker: whether it works, what it yields, and what the whole will take."""

import contextlib
import json
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farm import ship
from farm.errors import CassandraError, InputError, ReleaseError, UnreachableError
from farm.inventory import Host
from farm.objects import Objects
from farm.preflight import Release
from farm.transport import Completed, Transport
from farm.worker.protocol import ROOT
from features.rebuild.errors import Exit

FIRST = 500
"""Objects from which a schema is inferred."""
SECONDS = 600.0
"""What a trial may take."""


@dataclass(frozen=True)
class Trial:
    """What a worker said of the first objects."""

    objects: int
    rows: int
    """Detections that the function was given."""
    yielded: int
    size: int
    """Bytes of what was yielded, as the dataset has it."""
    seconds: float
    function_seconds: float
    ring: float
    """The part of all tokens that these objects took; of named objects, 1."""
    failed: int
    errors: tuple[Mapping[str, Any], ...]
    columns: tuple[str, ...]
    types: Mapping[str, str] | None
    """None where nothing was yielded."""

    def estimate(self, slots: int, part: float, named: int | None) -> dict[str, Any]:
        """Of the whole, as if each slot worked as fast as this one did, its start included."""
        whole = named if named is not None else round(self.objects / self.ring * part) if self.ring else 0
        share = whole / self.objects if self.objects else 0.0
        rate = slots * self.objects / self.seconds
        return {
            "objects": whole,
            "rows": round(self.yielded * share),
            "bytes": round(self.size * share),
            "seconds": round(whole / rate, 1) if rate else 0.0,
            "objects_per_second": round(rate, 1),
        }

    def as_json(self) -> dict[str, Any]:
        return {
            "objects": self.objects,
            "detections": self.rows,
            "rows": self.yielded,
            "seconds": round(self.seconds, 3),
            "function_seconds": round(self.function_seconds, 3),
            "failed": self.failed,
            "errors": list(self.errors),
            "columns": list(self.columns),
            "types": self.types,
        }


def run(
    host: Host, transport: Transport, release: Release, archive: Path, digest: str, wanted: str | Objects, first: int
) -> Trial:
    """Bring the archive to the worker, try the function on the first objects, and take all away again.

    ``wanted`` is LO:HI or a list. Raises InputError where the script cannot be used, CassandraError, ReleaseError, or
    UnreachableError where the trial takes too long.
    """
    name = f"trial-{secrets.token_hex(6)}"
    folder = ship.place(name)
    session = transport.connect(host)
    try:
        ship.Shipping(name, archive, digest, release)(session)
        said = session.run(_command(release, folder, wanted, first), SECONDS + 10)
    finally:
        with contextlib.suppress(UnreachableError):
            session.run(f"pkill -KILL -f '[t]{name[1:]}'", SECONDS)  # alone: the pattern is not to find this shell
            session.run(f"rm -rf {shlex.quote(f'{ROOT}/runs/{name}')}", SECONDS)
        session.close()
    return _read(host, said)


def _command(release: Release, folder: str, wanted: str | Objects, first: int) -> str:
    words = f"timeout -k 5 {SECONDS:g} {release.program('mine_objects')} --job {folder}/job.json --first {first}"
    if isinstance(wanted, str):
        return f"{words} --range={wanted}"
    names = "\n".join(wanted.ids[:first])
    return f"{words} --objects /dev/stdin <<'END OF OBJECTS'\n{names}\nEND OF OBJECTS"


def _read(host: Host, said: Completed) -> Trial:
    why = said.err.strip().rpartition("mine_objects: ")[2]  # before that stands what the function printed
    if said.code == Exit.INPUT:
        raise InputError(why)
    if said.code == Exit.CASSANDRA:
        raise CassandraError(f"{host.name}: {why}")
    if said.code != 0:
        raise ReleaseError(f"the trial on {host.name} ended with {said.code}: {why[-2000:] or 'it says nothing'}")
    told = json.loads(said.out.strip().rpartition("\n")[2])
    return Trial(
        objects=told["objects"],
        rows=told["rows"],
        yielded=told["yielded"],
        size=told["bytes"],
        seconds=told["seconds"],
        function_seconds=told["function_seconds"],
        ring=told["ring"],
        failed=told["failed"],
        errors=tuple(told["errors"]),
        columns=tuple(told["columns"]),
        types=told["types"],
    )
