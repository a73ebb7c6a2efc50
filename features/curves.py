"""Many light curves at once: columns of arrays, and the boundaries of the objects in them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
T = TypeVar("T")


@dataclass(frozen=True)
class Segments:
    """Consecutive runs of rows, one an object: rows start[i] to start[i + 1] - 1. A run may be empty."""

    start: Ints
    """n + 1 offsets, the first 0, the last the number of rows."""

    @cached_property
    def count(self) -> Ints:
        """Rows of each object."""
        return np.diff(self.start)

    @cached_property
    def filled(self) -> Bools:
        """Objects with a row."""
        return self.count > 0

    def __len__(self) -> int:
        return len(self.start) - 1

    def reduce(self, ufunc: np.ufunc, values: NDArray[Any]) -> Floats:
        """``ufunc`` over the rows of each object, as float64; NaN for an object without rows."""
        if self.filled.all():
            return ufunc.reduceat(values, self.start[:-1], dtype=np.float64) if len(self) else np.empty(0)
        result = np.full(len(self), np.nan)
        if self.filled.any():
            result[self.filled] = ufunc.reduceat(values, self.start[:-1][self.filled], dtype=np.float64)
        return result

    def number(self, rows: Bools) -> Ints:
        """How many of each object's rows are true."""
        return self.subset(rows).count

    def mean(self, values: Floats) -> Floats:
        """Arithmetic mean of each object's rows; NaN for an object without rows."""
        return self.reduce(np.add, values) / self.count

    def spread(self, per_object: NDArray[Any]) -> NDArray[Any]:
        """A value an object, repeated for each of its rows."""
        return np.repeat(per_object, self.count)

    def from_end(self, values: Floats, back: int) -> Floats:
        """Each object's last value (``back`` 1), its last but one (2), ...; NaN where there are fewer rows."""
        result = np.full(len(self), np.nan)
        enough = self.count >= back
        result[enough] = values[self.start[1:][enough] - back]
        return result

    def subset(self, rows: Bools) -> "Segments":
        """The segments of the same objects in the rows that are true."""
        before = np.zeros(len(rows) + 1, np.int32)  # a running sum of bools is ten times faster in 32 bits than in 64
        np.cumsum(rows, dtype=np.int32, out=before[1:])
        return Segments(before[self.start].astype(np.int64))


def present(segments: Segments, values: Floats) -> tuple[Segments, Floats]:
    """The rows that have a value (are not NaN), and their segments."""
    there = ~np.isnan(values)
    if there.all():
        return segments, values
    return segments.subset(there), values[there]


def floats(column: NDArray[Any]) -> Floats:
    """A numeric column, plain, masked or of objects, as float64 with NaN where it is masked, None or NaN."""
    values = np.ma.getdata(column).astype(np.float64)
    mask = np.ma.getmask(column)
    if mask is not np.ma.nomask:
        values[mask] = np.nan
    return values


_NULL = {4: 0x7FC06E75, 8: 0x7FF80DCEA0000000}
"""Bytes of a float to the bits of a NaN that no arithmetic makes: a null, where a column has no mask."""


def null_value(dtype: np.dtype[Any]) -> Any:
    """A NaN of this type (float32 or float64) that ``null`` knows from a measured one."""
    return np.array(_NULL[dtype.itemsize], f"u{dtype.itemsize}").view(dtype)[()]


def null(column: NDArray[Any]) -> Bools:
    """Which rows of a column are masked, None or ``null_value``; another NaN is not null."""
    values = np.ma.getdata(column)
    nothing: Bools = np.ma.getmaskarray(column)
    if values.dtype == object:
        nothing = nothing | (values == np.array(None))
    if values.dtype.kind == "f":
        nothing = nothing | (values.view(f"u{values.dtype.itemsize}") == _NULL[values.dtype.itemsize])
    return nothing


def texts(column: NDArray[Any]) -> NDArray[np.object_]:
    """A text column, plain or masked, as an object array of str with None where it is masked."""
    values: NDArray[np.object_] = np.ma.getdata(column).astype(object, copy=False)
    mask = np.ma.getmask(column)
    if mask is not np.ma.nomask and mask.any():
        values = values.copy()
        values[mask] = None
    return values


@dataclass(frozen=True, eq=False)
class LightCurves:
    """Rows of one table of n objects: an object's rows are consecutive, and in the order of the table.

    In the table of detections each row has a time and what else orders it; ``others`` are the other tables' rows.
    Made by ``from_ordered`` (rows as Cassandra returns them: no sort, no copy), ``from_rows`` (rows in any order) or
    ``from_dicts`` (one object, as a pipeline has it). Nothing here changes an array that was given.
    """

    object_id: NDArray[Any]
    """n keys of objects: objects (str) or int64, as the survey has them."""
    start: Ints
    """n + 1 row offsets: object i has the rows start[i] to start[i + 1] - 1."""
    columns: Mapping[str, NDArray[Any]]
    """Column name to an array over all rows: numeric of any width, or objects (str); missing values are masked
    (``numpy.ma``), NaN, or None in an array of objects."""
    lacking: Mapping[str, Bools] = field(default_factory=dict)
    """Column name to the rows that lack the key, where rows are dicts: absent is not null."""
    others: Mapping[str, "LightCurves"] = field(default_factory=dict)
    """Name of another table to its rows of the same objects in the same order; an object may have none there."""
    given: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """What comes from outside Cassandra (``Survey.external``): n values, float64 with NaN or objects with None where
    there is none."""
    _derived: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def from_ordered(cls, object_id: NDArray[Any], columns: Mapping[str, NDArray[Any]]) -> "LightCurves":
        """Rows in the order of the table: consecutive rows of one key are one object, in their order.

        ``object_id`` is the key of each row: int64, or str in an array of objects; plain or masked.
        """
        ids = np.ma.getdata(object_id)
        first = _runs(ids)
        return cls(ids[first], np.append(first, len(ids)), columns)

    @classmethod
    def from_rows(
        cls, object_id: NDArray[Any], columns: Mapping[str, NDArray[Any]], order: Sequence[str]
    ) -> "LightCurves":
        """Rows in any order; ``order`` are the columns that order an object's, the time (a float) first.

        Rows without one of them are no detections and are dropped. Objects come out in ascending order of their keys.
        """
        lacks = [np.isnan(floats(columns[name])) for name in order]
        rows = np.flatnonzero(~np.logical_or.reduce(lacks)) if lacks else np.arange(len(object_id))
        ids = np.ma.getdata(object_id)[rows]
        run = _runs(ids)
        names, number = np.unique(ids[run].astype(str) if ids.dtype == object else ids[run], return_inverse=True)
        number = np.repeat(number, np.diff(np.append(run, len(ids))))
        by = [floats(columns[name])[rows] if name == order[0] else _whole(columns[name][rows]) for name in order]
        rows = rows[np.lexsort((*reversed(by), number))]
        counts = np.bincount(number, minlength=len(names))
        return cls(
            names.astype(ids.dtype),
            np.concatenate(([0], np.cumsum(counts))),
            {name: column[rows] for name, column in columns.items()},
        )

    @classmethod
    def from_dicts(
        cls, object_id: str | int, rows: Sequence[Mapping[str, Any]], inputs: Sequence[str], order: Sequence[str]
    ) -> "LightCurves":
        """One object, its rows in any order, as dicts with the names of the alert packet; only ``inputs`` are read.

        Rows without one of the columns of ``order`` are no detections and are ignored. No row given is changed.
        """
        kept = [row for row in rows if all(_is_number(row.get(name)) for name in order)]
        kept.sort(key=lambda row: tuple(row[name] for name in order))
        columns = {}
        lacking = {}
        for name in inputs:
            column = np.empty(len(kept), object)
            column[:] = [row.get(name) for row in kept]
            columns[name] = column
            absent = np.array([name not in row for row in kept], bool)
            if absent.any():
                lacking[name] = absent
        ids = np.array([object_id], object if isinstance(object_id, str) else np.int64)
        return cls(ids, np.array([0, len(kept)]), columns, lacking=lacking)

    def __len__(self) -> int:
        return len(self.object_id)

    def __getitem__(self, name: str) -> NDArray[Any]:
        """A column over all rows, ``table.column`` one of another table (whose rows begin elsewhere)."""
        table, _, column = name.rpartition(".") if isinstance(name, str) else ("", "", name)
        found = self.others.get(table, self)
        if column not in found.columns or (table and found is self):
            raise KeyError(f"{name!r} is not there; the columns are {' '.join(self.columns)}")
        return found.columns[column]

    @property
    def rows(self) -> int:
        """Rows of all objects."""
        return int(self.start[-1])

    @cached_property
    def segments(self) -> Segments:
        return Segments(self.start)

    def once(self, function: Callable[["LightCurves"], T]) -> T:
        """``function`` of these light curves, computed when first asked for and then kept."""
        if function not in self._derived:
            self._derived[function] = function(self)
        result: T = self._derived[function]
        return result

    def real(self, name: str) -> Floats:
        """A numeric column, widened to float64, NaN where missing. Do not change it."""
        if name not in self._derived:
            self._derived[name] = floats(self.columns[name])
        result: Floats = self._derived[name]
        return result

    def text(self, name: str) -> NDArray[np.object_]:
        """A text column as str, None where missing."""
        return texts(self.columns[name])

    def latest(self, name: str) -> NDArray[Any]:
        """The raw column at each object's last row that has the key; masked for an object without such a row."""
        lacking = self.lacking.get(name)
        segments = self.segments
        if lacking is None:
            row = self.start[1:] - 1
        else:
            segments = segments.subset(~lacking)
            row = np.append(np.flatnonzero(~lacking), 0)[segments.start[1:] - 1]
        column = self.columns[name]
        if segments.filled.all():
            taken: NDArray[Any] = column[row]
            return taken
        values = np.ma.MaskedArray(np.empty(len(self), column.dtype), mask=True)
        values[segments.filled] = column[row[segments.filled]]
        return values

    def take(self, objects: slice) -> "LightCurves":
        """Some of the objects."""
        first, last, _ = objects.indices(len(self))
        rows = slice(int(self.start[first]), int(self.start[max(first, last)]))
        return LightCurves(
            self.object_id[objects],
            self.start[first : max(first, last) + 1] - self.start[first],
            {name: column[rows] for name, column in self.columns.items()},
            {name: absent[rows] for name, absent in self.lacking.items()},
            {name: other.take(objects) for name, other in self.others.items()},
            {name: values[objects] for name, values in self.given.items()},
        )

    def of(self, object_id: NDArray[Any]) -> "LightCurves":
        """The rows of the named objects, in the order named; no rows where an object has none. Others are left out."""
        place = dict(zip(self.object_id.tolist(), range(len(self)), strict=True))
        found = np.array([place.get(name, -1) for name in object_id.tolist()], np.int64)
        count = np.where(found < 0, 0, self.segments.count[found] if len(self) else 0)
        start = np.concatenate(([0], np.cumsum(count)))
        rows = np.repeat(self.start[found] - start[:-1], count) + np.arange(start[-1])
        return LightCurves(object_id, start, {name: column[rows] for name, column in self.columns.items()})

    def within(self, window: float | None, time: str, times: Mapping[str, str] | None = None) -> "LightCurves":
        """The rows less than ``window`` days before their object's latest detection; None is all of them.

        ``time`` is the column of the detections that says when, ``times`` that of each other table that has one.
        """
        if window is None:
            return self
        latest = self.segments.reduce(np.fmax, self.real(time))
        others = dict(self.others)
        for name, column in (times or {}).items():
            if name in others:
                others[name] = others[name]._since(latest, window, column)
        fewer = self._since(latest, window, time)
        return fewer if not others else replace(fewer, others=others)

    def _since(self, latest: Floats, window: float, time: str) -> "LightCurves":
        kept = self.segments.spread(latest) - self.real(time) < window
        if kept.all():
            return self
        rows = np.flatnonzero(kept)
        return LightCurves(
            self.object_id,
            self.segments.subset(kept).start,
            {name: column[rows] for name, column in self.columns.items()},
            {name: absent[rows] for name, absent in self.lacking.items()},
            self.others,
            self.given,
        )


def _runs(ids: NDArray[Any]) -> Ints:
    """Where each run of equal ids begins."""
    return np.flatnonzero(np.concatenate((np.ones(min(1, len(ids)), bool), ids[1:] != ids[:-1])))


def _whole(column: NDArray[Any]) -> Ints:
    return np.ma.getdata(column).astype(np.int64)


def _is_number(value: Any) -> bool:
    """Whether it is there, and not NaN."""
    return value is not None and value == value
