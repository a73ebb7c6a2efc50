"""What features need from outside Cassandra, from a file: a row an object, its key and ``Survey.external``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.declare import Survey
from features.errors import InputError


class Given:
    """Values by object; without a file, and for an object that it lacks, they are missing."""

    def __init__(self, survey: Survey, path: Path | None = None) -> None:
        """Raises InputError for a file that cannot be read, or that lacks the key."""
        self._external = survey.external
        self._key: NDArray[Any] = np.empty(0, survey.key.dtype)
        self._values: dict[str, NDArray[Any]] = {}
        if path is not None:
            self._read(survey, path)

    @property
    def names(self) -> tuple[str, ...]:
        """What the file has."""
        return tuple(self._values)

    def of(self, object_id: NDArray[Any]) -> Mapping[str, NDArray[Any]]:
        """Values of some objects: float64 with NaN, or objects with None, where missing."""
        found: dict[str, NDArray[Any]] = {}
        there, at = self._places(object_id)
        for column in self._external:
            values = np.full(len(object_id), None if column.dtype.hasobject else np.nan, column.dtype)
            if column.name in self._values:
                values[there] = self._values[column.name][at]
            found[column.name] = values
        return found

    def _places(self, object_id: NDArray[Any]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Which objects the file has, and where these stand."""
        if not len(self._key):
            return np.zeros(len(object_id), bool), np.empty(0, np.int64)
        at = np.minimum(np.searchsorted(self._key, object_id), len(self._key) - 1)
        there: NDArray[np.bool_] = self._key[at] == object_id
        return there, at[there]

    def _read(self, survey: Survey, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(path)
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"{path}: not a Parquet file that can be read: {error}") from error
        if survey.key.name not in table.column_names:
            raise InputError(f"{path}: no column {survey.key.name}: it says whose values these are")
        if table.column(survey.key.name).null_count:
            raise InputError(f"{path}: a row without {survey.key.name}")
        table = table.sort_by(survey.key.name)
        self._key = table.column(survey.key.name).to_numpy().astype(survey.key.dtype)
        for column in survey.external:
            if column.name in table.column_names:
                kind = pa.string() if column.dtype.hasobject else pa.float64()
                try:
                    values = table.column(column.name).cast(kind).to_numpy()
                except pa.ArrowException as error:
                    raise InputError(f"{path}: column {column.name} cannot be read as {kind}") from error
                self._values[column.name] = values.astype(column.dtype)
