"""What features need from outside Cassandra, from the sources that a site has of ``Survey.external``."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.curves import LightCurves
from features.declare import External, Sky, Survey
from features.dust import DustMap
from features.errors import InputError

Values = NDArray[Any]


class Given:
    """Values by object: float64 with NaN, or objects with None, where there is no source or it does not say."""

    def __init__(self, survey: Survey, sources: Mapping[str, Path]) -> None:
        """``sources``: the folder of the dust maps, or a file of ``keep``, by the name of the input.

        Raises InputError for a name that the survey does not have, and for a source that cannot be read.
        """
        self._inputs = survey.external
        known = {each.name: each for each in survey.external}
        if unknown := sources.keys() - known.keys():
            listed = f": it has {', '.join(known)}" if known else " at all"
            raise InputError(f"survey {survey.name} has no input {', '.join(sorted(unknown))}{listed}")
        self._sources = {name: _opened(known[name], path) for name, path in sources.items()}

    @property
    def names(self) -> tuple[str, ...]:
        """The inputs that have a source."""
        return tuple(self._sources)

    def to(self, curves: LightCurves) -> LightCurves:
        """The light curves with what is given of each."""
        if not self._inputs:
            return curves
        nothing = np.full(len(curves), np.nan), np.full(len(curves), None, object)
        found = {
            each.name: self._sources[each.name](curves) if each.name in self._sources else nothing[each.dtype.hasobject]
            for each in self._inputs
        }
        return replace(curves, given=found)


def _opened(external: External, path: Path) -> Callable[[LightCurves], Values]:
    if isinstance(external.source, Sky):
        place, dust = external.source.position, DustMap(path)
        return lambda curves: dust.ebv(*place(curves))
    records = _Records(path)
    return lambda curves: records.of(curves.object_id)


class _Records:
    """A file of ``keep``."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
            self._file.execute("SELECT key, told FROM record LIMIT 1").fetchone()
        except sqlite3.Error as error:
            raise InputError(f"{path} holds no records of objects: {error}") from None

    def of(self, object_id: Values) -> Values:
        wanted = json.dumps(object_id.tolist())
        found = dict(
            self._file.execute("SELECT key, told FROM record WHERE key IN (SELECT value FROM json_each(?))", [wanted])
        )
        values = np.full(len(object_id), None, object)
        values[:] = [found.get(each) for each in object_id.tolist()]
        return values


def keep(path: Path, rows: Iterable[tuple[Any, str]]) -> int:
    """Write records, (key, JSON) an object, into a new file from which each is found by its key; returns how many.

    Raises InputError for a key that comes twice.
    """
    with closing(sqlite3.connect(path)) as file, file:
        file.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
        file.execute("CREATE TABLE record (key PRIMARY KEY, told TEXT NOT NULL) WITHOUT ROWID")
        try:
            return file.executemany("INSERT INTO record VALUES (?, ?)", rows).rowcount
        except sqlite3.IntegrityError:
            raise InputError("an object has two rows, or a row has no object: one row an object is wanted") from None
