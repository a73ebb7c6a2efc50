"""A function tried on files, without any database: ``python -m features.mining SCRIPT.py:FUNCTION``."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.curves import LightCurves, floats, texts
from features.declare import Survey
from features.errors import InputError
from features.files import read_table
from features.mining import table
from features.mining.guard import Guard, Reply
from features.mining.infer import FIRST, typed
from features.mining.job import Job
from features.mining.mine import Tally, about, reading_of
from features.rebuild.part import atomic


def mine(whole: Survey, job: Job, folder: Path, files: Mapping[str, Path], out: Path) -> Tally:
    """Apply the function to every object of the file of detections, and write what it yields.

    ``files`` are those of tables, by name; rows of other tables are joined by object. Raises InputError where the
    script cannot be used, a file cannot be read or is not given, or nothing is yielded and no schema declared.
    """
    tally = Tally()
    with Guard(job, folder, whole.key.name, whole.key.dtype) as guard, atomic(out) as file:
        survey = reading_of(whole, guard.columns)
        curves = _curves(survey, files).within(None if job.window == "all" else job.window, survey.time, survey.times)
        writer: table.Writer | None = None
        tally.objects = len(curves)
        for reply in typed(_replies(curves, guard), guard):
            rows = tally.take(reply)
            if rows is not None and writer is None:
                writer = table.Writer(file, guard.schema, job.kind, about(job))
            if rows is not None and writer is not None:
                writer.write(rows)
        if writer is None:
            why = f":\n{tally.kinds[0].traceback}" if tally.kinds else ""
            raise InputError(f"{job.function} yielded nothing of {tally.objects} objects, {tally.failed} failed{why}")
        writer.close()
    return tally


def _replies(curves: LightCurves, guard: Guard) -> Iterator[Reply]:
    for first in range(0, len(curves), FIRST):
        yield from guard.send(curves.take(slice(first, first + FIRST)))
    yield from guard.replies()


def _curves(survey: Survey, files: Mapping[str, Path]) -> LightCurves:
    known = [each.name for each in survey.tables]
    if strange := [name for name in files if name not in known]:
        raise InputError(f"no table {strange[0]}: the survey {survey.name} has {', '.join(known)}")
    if absent := [name for name in survey.reads if name not in files]:
        raise InputError(f"no file of {', '.join(absent)}: --table {absent[0]}=FILE")
    found = {
        each.name: _plain(read_table(each, survey.reads[each.name], files[each.name]))
        for each in survey.tables
        if each.name in survey.reads
    }
    detections = found.pop(survey.detections.name)
    return replace(detections, others={name: each.of(detections.object_id) for name, each in found.items()})


def _plain(curves: LightCurves) -> LightCurves:
    """No column masked, as Cassandra's reader gives them."""
    return LightCurves(curves.object_id, curves.start, {name: _column(each) for name, each in curves.columns.items()})


def _column(column: NDArray[Any]) -> NDArray[Any]:
    if column.dtype.hasobject:
        return texts(column)
    if column.dtype.kind == "f" or np.ma.getmaskarray(column).any():
        return floats(column)
    return np.ma.getdata(column)
