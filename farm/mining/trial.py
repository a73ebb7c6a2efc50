"""A function tried on a few objects by one worker: whether it works, what it yields, and what the whole will take."""

import contextlib
import json
import secrets
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gevent

from farm import ship
from farm.errors import CassandraError, InputError, ReleaseError, UnreachableError
from farm.inventory import Host
from farm.objects import Objects
from farm.preflight import Release
from farm.transport import Session, Transport
from farm.worker.protocol import ROOT
from features.rebuild.errors import Exit

FIRST = 500
"""Objects from which a schema is inferred."""
SECONDS = 600.0
"""What a trial may take."""
PREFIX = "trial-"
"""With what a trial's folder on a worker begins, as a run's does not."""
_PRINTED = 2000
"""Letters of what was printed that are told."""


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
    printed: str
    """By the function, the beginning of it."""

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
            "printed": self.printed,
        }


def run(
    host: Host,
    transport: Transport,
    release: Release,
    archive: Path,
    digest: str,
    wanted: Sequence[str | Objects],
    first: int,
) -> Trial:
    """Try the function on the first objects of an arc (LO:HI) or list, of the next one where that yields nothing.

    Raises InputError where the script cannot be used, CassandraError, ReleaseError, or UnreachableError where a trial
    takes too long.
    """
    tried: list[Trial] = []
    for each in wanted:
        tried.append(_try(host, transport, release, archive, digest, each, first))
        if tried[-1].types is not None or tried[-1].failed:
            break
    best = max(tried, key=lambda each: (each.types is not None or each.failed > 0, each.objects))
    return replace(best, ring=best.ring + sum(each.ring for each in tried if each is not best and not each.objects))


def _try(
    host: Host, transport: Transport, release: Release, archive: Path, digest: str, wanted: str | Objects, first: int
) -> Trial:
    """Bring the archive to the worker, try the function there, and take all away again."""
    name = f"{PREFIX}{secrets.token_hex(6)}"
    session = transport.connect(host)
    try:
        ship.Shipping(name, archive, digest, release)(session)
        command = _command(release, ship.place(name), wanted, first)
        return _read(host, _alone(session, host, release, f"{ROOT}/runs/{name}", command))
    finally:
        with contextlib.suppress(UnreachableError):
            session.run(f"rm -rf {shlex.quote(f'{ROOT}/runs/{name}')}", SECONDS)
        session.close()


def _command(release: Release, folder: str, wanted: str | Objects, first: int) -> str:
    words = f"{release.program('mine_objects')} --job {folder}/job.json --first {first}"
    if isinstance(wanted, str):
        return f"exec {words} --range={wanted}"
    names = "\n".join(wanted.ids[:first])
    return f"{words} --objects /dev/stdin <<'END OF OBJECTS'\n{names}\nEND OF OBJECTS"


def _alone(session: Session, host: Host, release: Release, folder: str, command: str) -> dict[str, Any]:
    """Run it under a supervisor of its own, which ends it with this connection."""
    late = UnreachableError(f"{host.where}: the trial did not end within {SECONDS:g} s")
    words = f"-m farm.worker.alone {shlex.quote(folder)} {SECONDS:g} {shlex.quote(command)}"
    pipe = session.open(f"exec {release.program('python')} {words}")
    with gevent.Timeout(SECONDS + 10, late):
        lines = list(pipe.lines())
    try:
        told: dict[str, Any] = json.loads(lines[-1])
    except (IndexError, ValueError):
        why = pipe.errors()[-2000:] or "it says nothing"
        raise ReleaseError(f"the trial on {host.name} cannot be told of: {why}") from None
    if told["reason"] == "timeout":
        raise late
    return told


def _read(host: Host, said: Mapping[str, Any]) -> Trial:
    code, why = said["code"], said["err"].strip().rpartition("mine_objects: ")[2]  # before: what the function printed
    if code == Exit.INPUT:
        raise InputError(why)
    if code == Exit.CASSANDRA:
        raise CassandraError(f"{host.name}: {why}")
    if code != 0:
        raise ReleaseError(f"the trial on {host.name} ended with {code}: {why[-2000:] or 'it says nothing'}")
    told = json.loads(said["out"].strip().rpartition("\n")[2])
    printed = said["err"].rstrip()
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
        printed=printed if len(printed) <= _PRINTED else f"{printed[:_PRINTED]}\n(and more)",
    )
