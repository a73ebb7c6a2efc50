"""What a script declares: which columns its function takes, of one light curve or of many, and what it yields."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from features.curves import LightCurves

Function = Callable[[Any], Any]


@dataclass(frozen=True)
class Miner:
    """A function and what it needs; calling it calls the function."""

    function: Function
    each: Literal["light curve", "batch"]
    columns: tuple[str, ...]
    """Columns of the detections, and ``table.column`` of further tables of the survey."""
    schema: Mapping[str, str] | None
    """Names of the columns that it yields, and their types; None: inferred from the first rows."""

    def __call__(self, curves: Any) -> Any:
        """Whatever the function returns: rows, if it is right."""
        return self.function(curves)


def light_curve(columns: str | Sequence[str], schema: Mapping[str, str] | None = None) -> Callable[[Function], Miner]:
    """Mark a function that takes one ``LightCurve`` and yields dicts, a row each; the object's id is added to them.

    ``columns`` are names, with blanks between or in a list: of the detections, or ``TABLE.COLUMN`` for one of
    another table. ``schema`` names what is yielded: bool, int64, float64, string, list<float64>, timestamp[ms] and what
    else Arrow calls by a name; without it the types are those of the first objects' rows.
    """
    return _mark("light curve", columns, schema)


def batch(columns: str | Sequence[str], schema: Mapping[str, str] | None = None) -> Callable[[Function], Miner]:
    """Mark a function that takes many light curves at once, ``features.curves.LightCurves``.

    It yields dicts: a row each, with the id of its object under the name of the survey's key; or of
    arrays or lists, many rows, one an object in the order of ``object_id`` where they lack the key. A single value
    beside arrays is that of every row.
    """
    return _mark("batch", columns, schema)


def _mark(
    each: Literal["light curve", "batch"], columns: Any, schema: Mapping[str, str] | None
) -> Callable[[Function], Miner]:
    """Raises TypeError, when the script is imported, for what is not written as it must be."""
    name = each.replace(" ", "_")
    names = columns.split() if isinstance(columns, str) else columns
    if callable(names) or not isinstance(names, Sequence) or not all(isinstance(known, str) for known in names):
        raise TypeError(f'write @{name}(columns="A B"), with the columns that the function reads')
    for key, kind in (schema or {}).items():
        if not isinstance(key, str) or not isinstance(kind, str):
            raise TypeError(f"schema={{{key!r}: {kind!r}}}: write names and types as text, as {{'period': 'float64'}}")
    return lambda function: Miner(function, each, tuple(names), schema)


class LightCurve:
    """The light curve of one object. ``curve["COLUMN"]`` is a column of its detections, in the order of their times.

    Floating-point columns are float64 with NaN where a value is missing, whole numbers int32 or int64 (float64 with
    NaN where one is missing), text is objects (str, None where missing). ``curve["TABLE.COLUMN"]`` is a column of
    another table, with as many rows as the object has there. Arrays are read-only: copy what is to be changed.
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
    """The light curves of a batch, one by one."""
    others = {name: (other.start.tolist(), other.columns) for name, other in curves.others.items()}
    starts = curves.start.tolist()
    for at, name in enumerate(curves.object_id.tolist()):
        beside = {table: (slice(start[at], start[at + 1]), found) for table, (start, found) in others.items()}
        yield LightCurve(name, slice(starts[at], starts[at + 1]), curves.columns, beside)


def given(curves: LightCurves) -> LightCurves:
    """The same as a function gets it, wherever it is read from: columns of single precision widened, all read-only."""
    columns = {
        name: _read_only(values.astype(np.float64, copy=False) if values.dtype.kind == "f" else values)
        for name, values in curves.columns.items()
    }
    others = {name: given(other) for name, other in curves.others.items()}
    return replace(curves, object_id=_read_only(curves.object_id), columns=columns, others=others)


def _read_only(values: NDArray[Any]) -> NDArray[Any]:
    """What a function changes in place would else be changed when it is called again, with fewer objects."""
    view = values.view()
    view.flags.writeable = False
    return view
