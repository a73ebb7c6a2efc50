"""What a function yields, as blocks of rows: dicts, a row each, or columns of many rows. Each row has its object's key.

What is no row is refused here, while the function has the object, so that it counts as its error.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.curves import LightCurves
from features.mining.errors import UnfitError

Row = Mapping[str, Any]
_LIKE = "yield dicts, a row each, such as {'magnitude': 17.2}"


@dataclass(frozen=True)
class Rows:
    """A row each."""

    rows: Sequence[Row]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, part: slice) -> "Rows":
        return Rows(self.rows[part])

    @property
    def names(self) -> Sequence[str]:
        return [*dict.fromkeys(name for row in self.rows for name in row)]

    def column(self, name: str) -> Sequence[Any]:
        return [_plain(row.get(name)) for row in self.rows]


@dataclass(frozen=True)
class Columns:
    """Arrays or lists of one length."""

    columns: Mapping[str, Any]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def take(self, part: slice) -> "Columns":
        return Columns({name: values[part] for name, values in self.columns.items()})

    @property
    def names(self) -> Sequence[str]:
        return [*self.columns]

    def column(self, name: str) -> Any:
        values = self.columns[name]
        return values if isinstance(values, np.ndarray) else [_plain(value) for value in values]


Block = Rows | Columns


def of_one(returned: Any, key: str, name: Any) -> list[Row]:
    """Rows of the light curve ``name``. Raises UnfitError for what is none."""
    return [{key: name, **row} if key not in row else _own(row, key, name) for row in _each(returned)]


def of_many(returned: Any, key: str, curves: LightCurves) -> Iterator[Block]:
    """Blocks of a batch. Raises UnfitError for what is none, or has rows of objects that the batch has not."""
    known, single = set(curves.object_id.tolist()), list[Row]()
    for row in _each(returned):
        values = {name: _values(value) for name, value in row.items()}
        if key in row and not _is_column(values[key]):
            _require([values[key]], known, key)
            single.append(values)
        elif key in row:
            _require(_listed(values[key]), known, key)
            yield _columns(values, len(values[key]))
        elif any(_is_column(value) for value in values.values()):
            yield _columns({key: curves.object_id, **values}, len(curves))
        else:
            raise UnfitError(f"a row of a batch has no {key}: yield it, or arrays of one value an object")
    if single:
        yield Rows(single)


def _each(returned: Any) -> Iterable[Row]:
    """The dicts of what a function returned: a generator's, a list's, or a single one."""
    if returned is None:
        return
    if isinstance(returned, Mapping):
        yield returned
        return
    is_table = hasattr(returned, "columns")
    if is_table or isinstance(returned, str | bytes | np.ndarray) or not hasattr(returned, "__iter__"):
        hint = "; of a table, to_dict('records') are its rows" if is_table else ""
        raise UnfitError(f"the function returned a value of type {type(returned).__name__}: {_LIKE}{hint}")
    for row in returned:
        if not isinstance(row, Mapping):
            raise UnfitError(f"the function yielded a value of type {type(row).__name__}: {_LIKE}")
        yield row


def _own(row: Row, key: str, name: Any) -> Row:
    if row[key] != name:
        raise UnfitError(f"a row says {row[key]!r}, and the light curve is that of {name!r}: leave it out", key)
    return row


def _require(keys: Sequence[Any], known: set[Any], key: str) -> None:
    if not known.issuperset(keys):
        foreign = next(each for each in keys if each not in known)
        raise UnfitError(f"{foreign!r} is none of the batch's objects", key)


def _values(value: Any) -> Any:
    """Of a batch: an array or list as it is, what is like an array as one, everything else as a single value."""
    is_like = hasattr(value, "__array__") and not isinstance(value, np.ndarray | np.generic)
    made = np.asarray(value) if is_like else value
    return made[()] if isinstance(made, np.ndarray) and made.ndim == 0 else made


def _is_column(value: Any) -> bool:
    return isinstance(value, np.ndarray | list | tuple)


def _listed(values: Any) -> Sequence[Any]:
    listed: Sequence[Any] = values.tolist() if isinstance(values, np.ndarray) else values
    return listed


def _columns(values: Mapping[str, Any], size: int) -> Columns:
    """Columns of so many rows; a single value is that of every row."""
    if other := {name: len(value) for name, value in values.items() if _is_column(value) and len(value) != size}:
        raise UnfitError(f"arrays of unlike lengths: {other}, where there are {size} objects or keys")
    return Columns({name: value if _is_column(value) else [value] * size for name, value in values.items()})


def _plain(value: Any) -> Any:
    """numpy's values as Python's; of times their unit stays."""
    if value is np.ma.masked:
        return None
    if not isinstance(value, np.generic | np.ndarray):
        return value
    if value.dtype.kind not in "mM":
        return value.tolist()
    if isinstance(value, np.ndarray):
        return [_plain(each) for each in value]
    is_day = value.dtype.str[1:] in ("M8[D]", "M8[W]", "M8[M]", "M8[Y]")
    return value.astype("M8[D]").tolist() if is_day else value
