"""Blocks of rows as Arrow tables, without changing a value: what does not fit costs its object, and nothing else."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.mining.blocks import Block
from features.mining.errors import UnfitError
from features.mining.values import kinds_of, plain

SHOWN = 80
"""Characters of a value that does not fit."""
Unfit = tuple[Any, BaseException]
"""The key of a row, and why it does not fit."""
Part = TypeVar("Part", Block, pa.Table)


def fitted(blocks: Iterable[Block], into: pa.Schema | None, key: str) -> tuple[list[pa.Table], list[Unfit]]:
    """Tables of what fits ``into``, or without it has types of its own, and what does not."""

    def made(block: Block) -> pa.Table:
        return _natural(block, key) if into is None else _declared(block, into)

    return _each(blocks, made, lambda block: block.column(key)[0], lambda block, part: block.take(part), BaseException)


def refitted(tables: Iterable[pa.Table], into: pa.Schema) -> tuple[list[pa.Table], list[Unfit]]:
    """The same of tables, whose first column is the key."""

    def made(table: pa.Table) -> pa.Table:
        columns = [
            _cast(table[field.name].combine_chunks(), field) if field.name in table.column_names else
            pa.nulls(len(table), field.type)
            for field in into
        ]  # fmt: skip
        return pa.Table.from_arrays(columns, schema=into)

    def take(table: pa.Table, part: slice) -> pa.Table:
        return table.slice(part.start, part.stop - part.start)

    return _each(tables, made, lambda table: table[0][0].as_py(), take, Exception)


def without(table: pa.Table, names: Iterable[Any]) -> pa.Table:
    """The rows of other objects; the first column is the key."""
    gone = pa.array(names, table.schema.field(0).type)
    return table.filter(pc.invert(pc.is_in(table[0], gone))) if len(gone) else table


def _each(
    parts: Iterable[Part],
    made: Callable[[Part], pa.Table],
    name: Callable[[Part], Any],
    take: Callable[[Part, slice], Part],
    caught: type[BaseException],
) -> tuple[list[pa.Table], list[Unfit]]:
    """Each part as a table; of one that does not fit, its halves, down to the row at fault.

    Of what a function yielded methods of its own may be called, as ``__repr__``, which raise what they like.
    """
    tables, unfit = list[pa.Table](), list[Unfit]()
    waiting = [part for part in parts if len(part)][::-1]
    while waiting:
        part = waiting.pop()
        size = len(part)
        try:
            tables.append(made(part))
        except caught as error:  # pyarrow raises what it likes, too: OverflowError, UnicodeEncodeError, its own
            if size <= 1:
                unfit.append((name(part), error))
            else:
                waiting += [take(part, slice(size // 2, size)), take(part, slice(0, size // 2))]
    return tables, unfit


def _natural(block: Block, key: str) -> pa.Table:
    names = [key, *(name for name in block.names if name != key)]
    require_names(names[1:], key)
    return pa.table({name: _of_a_kind(_array(block.column(name), name), name) for name in names})


def _declared(block: Block, into: pa.Schema) -> pa.Table:
    names = block.names
    if unknown := [name for name in names if name not in into.names]:
        told = ", ".join(str(each) for each in unknown)
        raise UnfitError(f"it is not in the schema ({', '.join(into.names)})", told)
    arrays = [
        _cast(_array(block.column(field.name), field.name), field)
        if field.name in names else pa.nulls(len(block), field.type)
        for field in into
    ]  # fmt: skip
    return pa.Table.from_arrays(arrays, schema=into)


def require_names(names: Iterable[Any], key: str) -> None:
    """Raises UnfitError for what cannot be the name of a column beside the key's."""
    for name in names:
        if not isinstance(name, str):
            raise UnfitError(f"the name of a column is text, and {name!r} is of type {type(name).__name__}")
        if name.lower() == key.lower():
            raise UnfitError(f"the object's id is {key}, and a column that differs from it in case alone is none", name)


def _array(values: Any, name: str) -> pa.Array:
    """As Arrow has them by themselves. Raises UnfitError, which names the value where it is one."""
    try:
        made = _of_array(values) if isinstance(values, np.ndarray) else _of_list(values)
    except Exception as error:
        shown = f"{_shown(values[0])}: " if len(values) == 1 else ""
        raise UnfitError(f"{shown}{error}", name) from None
    is_listed = not isinstance(values, np.ndarray)
    if is_listed and _mixes(_leaf(made.type)) and len(kinds := kinds_of(values)) > 1:
        raise UnfitError(f"values of unlike kinds: {', '.join(sorted(kinds))}", name)
    _require_years(made, name)
    return made


def _of_array(values: Any) -> pa.Array:
    if values.ndim > 1:
        return pa.array(plain(values))
    native = values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))
    mask = np.ma.getmaskarray(native) if isinstance(native, np.ma.MaskedArray) else None
    return pa.array(np.ma.getdata(native), mask=mask)


def _of_list(values: Sequence[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except OverflowError:
        if not all(value is None or isinstance(value, int) for value in values):
            raise
        return pa.array(values, pa.uint64())


_A_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_YEARS = [int(np.datetime64(day, "s").astype(int)) for day in ("0001-01-01", "10000-01-01")]


def _require_years(made: pa.Array, name: str) -> None:
    """Raises UnfitError for a time before the year 1 or after 9999: neither Parquet nor CSV nor Python has them all."""
    while pa.types.is_list(made.type):
        made = made.flatten()
    if pa.types.is_date32(made.type):
        made = made.cast(pa.timestamp("s"))
    if not pa.types.is_timestamp(made.type):
        return
    found = pc.min_max(made.cast(pa.int64())).as_py()
    unit = _A_SECOND[made.type.unit]
    if found["min"] is not None and not _YEARS[0] * unit <= found["min"] <= found["max"] < _YEARS[1] * unit:
        raise UnfitError("a time before the year 1 or after 9999", name)


def _mixes(kind: pa.DataType) -> bool:
    """Whether Arrow takes other values for such ones, as 1.5 beside days for the second day of 1970."""
    return bool(pa.types.is_temporal(kind) or pa.types.is_binary(kind))


def _of_a_kind(made: pa.Array, name: str) -> pa.Array:
    """Raises UnfitError where its type has no name that a schema could say."""
    inner = made.type
    while pa.types.is_list(inner):
        inner = inner.value_type
    if pa.types.is_decimal(inner):
        raise UnfitError("a Decimal: yield float(...) of it, or declare its digits, as decimal128(20, 4)", name)
    return made


def _cast(values: pa.Array, field: pa.Field) -> pa.Array:
    if values.type == field.type:
        return values
    if not _alike(values.type, field.type):
        raise UnfitError(f"{_first(values)}of type {values.type} does not fit {field.type}", field.name)
    try:
        made = values.cast(field.type)
    except pa.ArrowException as error:
        raise UnfitError(f"{_first(values)}does not fit {field.type}: {error}", field.name) from None
    if _infinite(made) != _infinite(values):
        raise UnfitError(f"{_first(values)}is too great for {field.type}", field.name)
    if not _is_exact(values, made):
        raise UnfitError(f"{_first(values)}has more digits than {field.type}", field.name)
    return made


_ALIKE = (
    lambda kind: pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind),
    lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind),
    lambda kind: pa.types.is_binary(kind) or pa.types.is_large_binary(kind),
    lambda kind: pa.types.is_timestamp(kind) and kind.tz is None,
    lambda kind: pa.types.is_timestamp(kind) and kind.tz is not None,
    pa.types.is_date,
    pa.types.is_time,
    pa.types.is_duration,
)


def _alike(own: pa.DataType, into: pa.DataType) -> bool:
    """Whether a cast keeps what a value means; a number, for one, is no text."""
    if pa.types.is_list(own) and (pa.types.is_list(into) or pa.types.is_large_list(into)):
        return _alike(own.value_type, into.value_type)
    if pa.types.is_null(own) or own == into or (pa.types.is_boolean(own) and pa.types.is_integer(into)):
        return True
    return any(has(own) and has(into) for has in _ALIKE)


def _is_exact(values: pa.Array, made: pa.Array) -> bool:
    """Whether fractions are as they were; a cast to decimal digits rounds them, and says nothing."""
    if not (pa.types.is_floating(_leaf(values.type)) and pa.types.is_decimal(_leaf(made.type))):
        return True
    wide = _with_leaf(values.type, pa.float64())
    return bool(made.cast(wide).equals(values.cast(wide)))


def _leaf(kind: pa.DataType) -> pa.DataType:
    """The type of the values in all lists."""
    return _leaf(kind.value_type) if pa.types.is_list(kind) or pa.types.is_large_list(kind) else kind


def _with_leaf(kind: pa.DataType, leaf: pa.DataType) -> pa.DataType:
    return pa.list_(_with_leaf(kind.value_type, leaf)) if pa.types.is_list(kind) else leaf


def _infinite(values: pa.Array) -> int:
    """How many are; a cast to fewer bits makes more of them, and says nothing."""
    while pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        values = values.flatten()
    if not pa.types.is_floating(values.type):
        return 0
    wide = values.cast(pa.float64()) if pa.types.is_float16(values.type) else values
    return int(pc.sum(pc.is_inf(wide)).as_py() or 0)


def _first(values: pa.Array) -> str:
    """The value where it is one."""
    return f"{_shown(values[0].as_py())} " if len(values) == 1 else ""


def _shown(value: Any) -> str:
    said = repr(value)
    return said if len(said) <= SHOWN else f"{said[:SHOWN]}..."
