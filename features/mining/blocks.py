"""What a function yields, as blocks of rows: dicts, a row each, or columns of many rows. Each row has its object's key.

What is no row is refused here, and its values are copied, while the function has the object: what is wrong with them
counts as its error, and what it does to them later changes nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.curves import LightCurves
from features.mining.errors import UnfitError
from features.mining.values import kept, plain

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
        return [plain(row.get(name)) for row in self.rows]


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
        return self.columns[name]


Block = Rows | Columns


def of_one(returned: Any, key: str, name: Any) -> list[Row]:
    """Rows of the light curve ``name``. Raises UnfitError for what is none."""
    return [{**_own(kept(row), key, name), key: name} for row in _each(returned)]


def of_many(returned: Any, key: str, curves: LightCurves) -> Iterator[Block]:
    """Blocks of a batch. Raises UnfitError for what is none, or has rows of objects that the batch has not."""
    known, single = {name: name for name in curves.object_id.tolist()}, list[Row]()
    for row in _each(returned):
        values = kept(row)
        if key in values and not _is_column(values[key]):
            single.append({**values, key: _names([values[key]], known, key)[0]})
        elif key in values:
            names = _names(plain(values[key]), known, key)
            yield _columns({**values, key: names}, len(names))
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
    if key in row and _exact(row[key], name, key) != name:
        raise UnfitError(f"a row says {row[key]!r}, and the light curve is that of {name!r}: leave it out", key)
    return row


def _names(keys: Sequence[Any], known: Mapping[Any, Any], key: str) -> list[Any]:
    """The objects' own ids, of the type that they have."""
    like = next(iter(known), None)
    if foreign := [each for each in keys if _exact(each, like, key) not in known]:
        raise UnfitError(f"{foreign[0]!r} is none of the batch's objects", key)
    return [known[each] for each in keys]


def _exact(said: Any, like: Any, key: str) -> Any:
    """Raises UnfitError for an id that is equal to a whole number and none: of two long ones a float makes one."""
    if isinstance(like, int) and isinstance(said, float | bool):
        raise UnfitError(f"{said!r} is of type {type(said).__name__}, and the objects' ids are whole numbers", key)
    return said


def _is_column(value: Any) -> bool:
    return isinstance(value, np.ndarray | list)


def _columns(values: Mapping[str, Any], size: int) -> Columns:
    """Columns of so many rows; a single value is that of every row."""
    if other := {name: len(value) for name, value in values.items() if _is_column(value) and len(value) != size}:
        raise UnfitError(f"arrays of unlike lengths: {other}, where there are {size} objects or keys")
    return Columns({name: value if _is_column(value) else [value] * size for name, value in values.items()})
