"""A task: light curves from Cassandra, a function over them, a part of the dataset."""

import hashlib
import io
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from features.curves import LightCurves
from features.declare import Family, Survey
from features.errors import InputError
from features.mining import errors, table
from features.mining.errors import Kind
from features.mining.guard import Guard, Reply
from features.mining.infer import typed
from features.mining.job import Job
from features.rebuild.joined import Joined
from features.rebuild.pages import FIRST_TOKEN, LAST_TOKEN, Query, Range, Reader
from features.rebuild.part import atomic, task, write_manifest
from features.rebuild.progress import Progress
from features.rebuild.reading import keyed
from features.rebuild.rebuild import Limits, _doubt


@dataclass
class Tally:
    """What a function was given and what came of it."""

    objects: int = 0
    yielded: int = 0
    """Rows."""
    failed: int = 0
    seconds: float = 0.0
    """That the function took."""
    kinds: list[Kind] = field(default_factory=list)

    def take(self, reply: Reply) -> pa.Table | None:
        """Count it; returns its rows as a table, None where there are none."""
        self.failed += reply.failed
        self.seconds += reply.seconds
        self.kinds = errors.merged([*self.kinds, *reply.kinds])
        if not reply.rows:
            return None
        rows = pa.concat_tables(reply.rows)
        self.yielded += len(rows)
        return rows


def reading_of(survey: Survey, columns: Sequence[str]) -> Survey:
    """The survey as it is read for these columns. Raises InputError for one that it does not have."""
    own = survey.detections
    known = {f"{each.name}.{name}" for each in survey.tables[1:] for name in each.typed} | set(own.typed)
    for name in columns:
        if name.lower() == survey.key.name.lower() or name in own.partition_key:
            raise InputError(f"{name} is no column to ask for: a light curve has it as curve.id, a batch as object_id")
        column = name.removeprefix(f"{own.name}.")
        if column in own.typed and name not in known:
            raise InputError(f"{name}: columns of {own.name} go without it, as {column}")
    if unknown := [name for name in columns if name not in known]:
        tables = ", ".join(f"{each.name}.<column>" for each in survey.tables[1:])
        raise InputError(
            f"no column {', '.join(unknown)}: {own.name} has {' '.join(own.typed)};"
            f" columns of other tables are {tables or 'none'}"
        )
    return replace(survey, families=(Family((), tuple(columns), lambda _: ()),))


def mine(
    reader: Reader,
    survey: Survey,
    job: Job,
    guard: Guard,
    wanted: Range | Sequence[Any],
    out: Path,
    limits: Limits,
    consistency: str,
    progress: Progress,
) -> Tally:
    """Apply the function to every object of a range of tokens, or of a list, and write the part ``out``.

    It ends early where more objects fail than may; the part then says so by their number.
    Raises CassandraError where Cassandra cannot be read; then there is no part.
    """
    read_at = datetime.now(UTC)
    asked: list[Query] = [*wanted.split(limits.reads)] if isinstance(wanted, Range) else keyed(wanted, reader)
    reading = Joined(reader, asked, limits)
    tally = Tally()
    with atomic(out) as file:
        writer: table.Writer | None = None
        for reply in typed(_replies(_curves(reading, survey, job, tally), guard, tally, job.limits.errors), guard):
            rows = tally.take(reply)
            if rows is not None and writer is None:
                writer = table.Writer(file, guard.schema, job.kind, about(job))
            if rows is not None and writer is not None:
                writer.write(rows)
            progress.say(reading.fraction(), reading.rows, tally.objects)
        if writer is None:
            writer = table.Writer(file, _known(guard), job.kind, about(job))
        writer.close()
        digest = _digest(file)
        if tally.failed <= job.limits.errors:
            _doubt(reading, asked)
    write_manifest(out, {
        **task(),
        "range": [wanted.low, wanted.high] if isinstance(wanted, Range) else None,
        "window": job.window,
        "script": job.digest,
        "function": job.function,
        "columns": list(guard.columns),
        "rows": reading.rows,
        "objects": tally.objects,
        "yielded": tally.yielded,
        "failed": tally.failed,
        "errors": [kind.as_json() for kind in tally.kinds],
        "unread": sorted(str(name) for name in reading.unread),
        "sha256": digest,
        "read_at": read_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "consistency": consistency,
    })  # fmt: skip
    return tally


def about(job: Job) -> dict[str, str]:
    """What a Parquet file says of itself."""
    return {"farm.script": job.script, "farm.function": job.function, "farm.digest": job.digest,
            "farm.window": str(job.window), **{f"farm.{key}": str(value) for key, value in task().items()}}  # fmt: skip


def trial(
    reader: Reader, survey: Survey, job: Job, guard: Guard, wanted: Range | Sequence[Any], first: int, limits: Limits
) -> dict[str, Any]:
    """Apply the function to the first objects of a range or list, and say what it took; nothing is kept.

    It may have been given fewer, where the guard's time is over.
    """
    asked: list[Query] = [wanted] if isinstance(wanted, Range) else keyed(wanted[:first], reader)
    reading = Joined(reader, asked, replace(limits, reads=1))
    tally, begun = Tally(), time.perf_counter()
    file, sent, given = io.BytesIO(), list[LightCurves](), 0
    writer: table.Writer | None = None

    def some() -> Iterator[LightCurves]:
        for curves in _curves(reading, survey, job, tally):
            few = curves.take(slice(0, first - tally.objects + len(curves)))
            tally.objects += len(few) - len(curves)
            sent.append(few)
            yield from _growing(few, tally.objects - len(few))
            if tally.objects >= first or (guard.until is not None and time.monotonic() > guard.until):
                return

    for reply in typed(_replies(some(), guard, tally, first), guard, first):
        given += reply.given
        rows = tally.take(reply)
        if rows is not None and writer is None:
            writer = table.Writer(file, guard.schema, job.kind, about(job))
        if rows is not None and writer is not None:
            writer.write(rows)
    if tally.objects and not given:
        raise InputError(f"{job.function} was not done with one light curve in the time that a trial has")
    if writer is not None:
        writer.close()
    seconds = time.perf_counter() - begun
    names, whole = [name for each in sent for name in each.object_id][:given], 1.0
    if isinstance(wanted, Range):
        high = reader.token(names[-1]) if names and (given >= first or given < tally.objects) else wanted.high
        whole = (high - wanted.low) / (LAST_TOKEN - FIRST_TOKEN)
    types = table.types(guard.schema, survey.key.name) if guard.schema is not None and given else None
    return {
        "schema": 1,
        "columns": list(guard.columns),
        "types": types,
        "objects": given,
        "rows": int(sum([rows for each in sent for rows in each.segments.count][:given])),
        "yielded": tally.yielded,
        "bytes": len(file.getvalue()) - _empty(guard.schema, job) if writer else 0,
        "seconds": seconds,
        "function_seconds": tally.seconds,
        "ring": whole,
        "failed": tally.failed,
        "errors": [kind.as_json() for kind in tally.kinds],
    }


def _growing(curves: LightCurves, before: int) -> Iterator[LightCurves]:
    """One, then ten times as many each time: a function that takes long for many has done some when time is over."""
    low, size = 0, 1 if not before else 10 ** len(str(before))
    while low < len(curves):
        yield curves.take(slice(low, low + size))
        low, size = low + size, size * 10


def _empty(schema: pa.Schema | None, job: Job) -> int:
    """Bytes of a file without rows."""
    file = io.BytesIO()
    if schema is not None:
        table.Writer(file, schema, job.kind, about(job)).close()
    return len(file.getvalue())


def _curves(reading: Joined, survey: Survey, job: Job, tally: Tally) -> Iterator[LightCurves]:
    for each in reading.batches():
        if each.curves is not None:
            curves = each.curves.within(None if job.window == "all" else job.window, survey.time, survey.times)
            tally.objects += len(curves)
            yield curves


def _replies(curves: Iterable[LightCurves], guard: Guard, tally: Tally, most: int) -> Iterator[Reply]:
    """What the function makes of all of them, while the next ones are read; ends once too many objects have failed."""
    for each in curves:
        yield from guard.send(each)
        if tally.failed > most:
            return
    yield from guard.replies()


def _known(guard: Guard) -> pa.Schema:
    if guard.schema is None:
        raise InputError(f"{guard.job.function} yielded no row, so that its schema is not known: declare one")
    return guard.schema


def _digest(file: BinaryIO) -> str:
    file.flush()
    with Path(file.name).open("rb") as written:
        return hashlib.file_digest(written, "sha256").hexdigest()
