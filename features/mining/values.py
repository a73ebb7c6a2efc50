"""A value that a function yields, as it is at that moment: what becomes of an array or a list later changes nothing.

Of what Arrow could make of a value by itself, only what a table can hold and a schema can say passes.
"""

import datetime
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any

import numpy as np

from features.mining.errors import UnfitError

DEPTH = 32
"""Levels of lists in lists: libraries that read a table end at about as many, some of them by a crash."""
_PLAIN = frozenset({float, int, str, bool, bytes, type(None)})
_SINGLE = (float, int, str, bytes, datetime.date, datetime.time, datetime.timedelta, Decimal)
_TIMES = (np.datetime64, np.timedelta64, datetime.date)
_KINDS = "biufSUmMOT"
"""Of numpy's types: no complex numbers, and none with fields; ``g``, which is longer than a double, neither."""


def kept(row: Mapping[Any, Any]) -> dict[Any, Any]:
    """A row of its own. An array is one, and what is like a list a list; else values are Python's, times numpy's.

    Raises UnfitError for a value that no table holds.
    """
    return {name: value if type(value) in _PLAIN else _kept(value, name) for name, value in row.items()}


def plain(value: Any) -> Any:
    """An array as a list."""
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.kind not in "mM":
        return value.tolist()
    return [plain(each) if isinstance(each, np.ndarray) else _scalar(each) for each in value]


def kinds_of(values: Iterable[Any]) -> set[str]:
    """Of what was kept, in all lists: days, points of time with a zone or without, other types by name."""
    found = set[str]()
    for value in values:
        if isinstance(value, list):
            found |= kinds_of(value)
        elif isinstance(value, datetime.datetime):
            found.add("time with a zone" if value.tzinfo is not None else "time without a zone")
        elif isinstance(value, np.datetime64 | datetime.date):
            is_day = isinstance(value, datetime.date) or np.datetime_data(value.dtype)[0] == "D"
            found.add("day" if is_day else "time without a zone")
        elif isinstance(value, np.timedelta64 | datetime.timedelta):
            found.add("duration")
        elif value is not None:
            found.add(type(value).__name__)
    return found


def _kept(value: Any, name: Any, level: int = 0) -> Any:
    if value is np.ma.masked:
        return None
    if isinstance(value, np.generic):
        made = _scalar(value)
        if type(made) in _PLAIN or isinstance(made, _TIMES):
            return made
        raise _unknown(value, name)
    if isinstance(value, _SINGLE):
        return value
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if hasattr(value, "__array__"):
        return _array(value if isinstance(value, np.ndarray) else np.asarray(value), name, level)
    if isinstance(value, Mapping):
        raise UnfitError("a value is a dict: yield its items as columns", str(name))
    if not isinstance(value, Collection) or isinstance(value, set | frozenset):  # these are in no order
        raise _unknown(value, name)
    _require_depth(level + 1, name)
    return [each if type(each) in _PLAIN else plain(_kept(each, name, level + 1)) for each in value]


def _array(array: Any, name: Any, level: int) -> Any:
    kind = array.dtype.kind
    if kind not in _KINDS or array.dtype.char == "g":
        raise _unknown(array, name)
    if array.ndim == 0:
        if kind == "O":
            raise _unknown(array[()], name)
        return _kept(array[()], name, level)
    _require_depth(level + array.ndim, name)
    return _kept(array.tolist(), name, level) if kind in "OT" else array.copy()


def _scalar(value: Any) -> Any:
    """numpy's as Python's; a time stays what it is, as its unit would be lost, and a day that Python has as an int."""
    if value.dtype.kind not in "mM":
        return value.tolist()
    if value.dtype.str[1:] not in ("M8[D]", "M8[W]", "M8[M]", "M8[Y]"):
        return value
    day = value.astype("M8[D]")
    made = day.tolist()
    return day if isinstance(made, int) else made


def _require_depth(level: int, name: Any) -> None:
    if level > DEPTH:
        raise UnfitError(f"lists in more than {DEPTH} levels of lists", str(name))


def _unknown(value: Any, name: Any) -> UnfitError:
    kind = f"{type(value).__name__} of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
    why = f"a table holds no value of type {kind}: yield str(value), or numbers, texts, times, bytes or lists of them"
    return UnfitError(why, str(name))
