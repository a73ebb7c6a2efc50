"""A task: light curves from Cassandra, features, a part."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from features.batch import compute
from features.declare import Survey
from features.given import Given
from features.rebuild.errors import CassandraError
from features.rebuild.joined import Joined
from features.rebuild.pages import Query, Range, Reader
from features.rebuild.part import Ordered, atomic, task, write_manifest
from features.rebuild.progress import Progress
from features.rebuild.reading import keyed
from features.schema import header, schema_hash
from features.text import csv_text


@dataclass(frozen=True)
class Limits:
    """Manners, and what fits into memory."""

    reads: int = 2
    """In flight."""
    page: int = 20_000
    """Rows."""
    partition: int = 250_000
    """Rows of one object; wider ones are not read."""
    rows_per_second: float | None = None


@dataclass(frozen=True)
class Done:
    """What a task did."""

    rows: int
    objects: int
    unread: dict[Any, str]
    """Objects that could not be read, and why."""
    failures: list[str]
    """Features that could not be computed; they are missing in the part."""


def rebuild(
    reader: Reader,
    survey: Survey,
    wanted: Range | Sequence[Any],
    window: float | Literal["all"],
    out: Path,
    limits: Limits,
    consistency: str,
    progress: Progress,
    given: Given,
) -> Done:
    """Compute the features of every object of a range of tokens, or of a list, and write the part ``out``.

    Raises CassandraError where Cassandra cannot be read; then there is no part.
    """
    read_at = datetime.now(UTC)
    asked: list[Query] = [*wanted.split(limits.reads)] if isinstance(wanted, Range) else keyed(wanted, reader)
    reading = Joined(reader, asked, limits)
    objects = 0
    failures: list[str] = []
    with atomic(out) as file:
        ordered = Ordered(file)
        ordered.write(0, (",".join(header(survey)) + "\n").encode())
        for batch in reading.batches():
            if batch.curves is not None:
                rows = compute(survey, given.to(batch.curves), None if window == "all" else window)
                ordered.write(batch.stream, csv_text(rows).encode())
                failures += [f"{each.family} of {each.object_id}: {each.error}" for each in rows.failures]
                objects += len(rows)
            if batch.last:
                ordered.end(batch.stream)
            progress.say(reading.fraction(), reading.rows, objects)
        _doubt(reading, asked)
    write_manifest(out, {
        **task(),
        "range": [wanted.low, wanted.high] if isinstance(wanted, Range) else None,
        "window": window,
        "rows": reading.rows,
        "objects": objects,
        "unread": sorted(map(str, reading.unread)),
        "sha256": ordered.digest.hexdigest(),
        "schema": schema_hash(survey),
        "given": list(given.names),
        "as_lasair": survey.as_lasair,
        "read_at": read_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "consistency": consistency,
    })  # fmt: skip
    return Done(reading.rows, objects, reading.unread, failures)


def _doubt(reading: Joined, asked: Sequence[Query]) -> None:
    """Raises CassandraError where no row of a table came though one is there."""
    for reader in reading.silent() if reading.reading.rows else [reading.reader]:
        for query in asked if reader in reading.silent() else ():
            if isinstance(query, Range) and reader.holds(query):
                raise CassandraError(f"no row came of {query}, where there are rows: the driver lost them")
