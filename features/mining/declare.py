"""What a script declares: which columns its function takes, of one light curve or of many, and what it yields."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from features.curves import LightCurves

Function = Callable[[Any], Iterable[Mapping[str, Any]]]


@dataclass(frozen=True)
class Miner:
    """A function and what it needs; calling it calls the function."""

    function: Function
    each: Literal["light curve", "batch"]
    columns: tuple[str, ...]
    """Columns of the detections, and ``table.column`` of further tables of the survey."""
    schema: Mapping[str, str] | None
    """Names of the columns that it yields, and their types; None: inferred from the first rows."""

    def __call__(self, curves: Any) -> Iterable[Mapping[str, Any]]:
        return self.function(curves)


def light_curve(columns: str, schema: Mapping[str, str] | None = None) -> Callable[[Function], Miner]:
    """Mark a function that takes one ``LightCurve`` and yields dicts, a row each; the object's id is added to them.

    ``columns`` are names with blanks between: of the detections, or ``TABLE.COLUMN`` for one of another table.
    ``schema`` names what is yielded: bool, int64, float64, string, list<float64>, timestamp[ms] and what else Arrow
    calls by a name; without it the types are those of the first rows.
    """
    return lambda function: Miner(function, "light curve", tuple(columns.split()), schema)


def batch(columns: str, schema: Mapping[str, str] | None = None) -> Callable[[Function], Miner]:
    """Mark a function that takes many light curves at once, ``features.curves.LightCurves``.

    It yields dicts: a row each, with the id of its object under the name of the survey's key; or, where the
    values are arrays, many rows, one an object in the order of ``object_id`` where they lack the key.
    """
    return lambda function: Miner(function, "batch", tuple(columns.split()), schema)


class LightCurve:
    """The light curve of one object. ``curve["COLUMN"]`` is a column of its detections, in the order of their times.

    Floating-point columns are float64 with NaN where a value is missing, whole numbers int32 or int64 (float64 with
    NaN where one is missing), text is objects (str, None where missing). ``curve["TABLE.COLUMN"]`` is a column of
    another table, with as many rows as the object has there. Arrays are views: copy what is to be changed.
    """

    __slots__ = ("_columns", "_others", "_rows", "id")

    def __init__(
        self,
        name: Any,
        rows: slice,
        columns: Mapping[str, NDArray[Any]],
        others: Mapping[str, tuple[slice, Mapping[str, NDArray[Any]]]],
    ) -> None:
        self.id = name
        """The object's id: str, or int in a survey whose key is a number."""
        self._rows, self._columns, self._others = rows, columns, others

    def __len__(self) -> int:
        """Detections."""
        return int(self._rows.stop - self._rows.start)

    def __getitem__(self, name: str) -> NDArray[Any]:
        """A column. Raises KeyError for one that the function did not ask for."""
        if name in self._columns:
            return self._columns[name][self._rows]
        table, _, column = name.partition(".")
        if table in self._others and column in self._others[table][1]:
            rows, columns = self._others[table]
            return columns[column][rows]
        asked = [
            *self._columns,
            *(f"{table}.{each}" for table, (_, columns) in self._others.items() for each in columns),
        ]
        raise KeyError(f"{name!r} was not asked for; the function's columns are {' '.join(asked)}")


def each(curves: LightCurves) -> Iterable[LightCurve]:
    """The light curves of a batch, one by one; columns of single precision are widened."""
    columns = _wide(curves)
    others = {name: (other.start.tolist(), _wide(other)) for name, other in curves.others.items()}
    starts = curves.start.tolist()
    for at, name in enumerate(curves.object_id.tolist()):
        beside = {table: (slice(start[at], start[at + 1]), found) for table, (start, found) in others.items()}
        yield LightCurve(name, slice(starts[at], starts[at + 1]), columns, beside)


def _wide(curves: LightCurves) -> dict[str, NDArray[Any]]:
    return {
        name: values.astype(np.float64) if values.dtype.kind == "f" else values
        for name, values in curves.columns.items()
    }
