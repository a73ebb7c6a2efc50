"""Rows as plain files can hold them: what CSV has no form for, and how long texts are."""

import json
import math
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_NULL = 4
"""Letters of ``None``, which is what Astropy makes of a text that is missing."""

_A_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}


def schema(own: pa.Schema) -> pa.Schema:
    """Of a CSV file with these columns."""
    return pa.schema([pa.field(field.name, _type(field.type), field.nullable) for field in own])


def rows(table: pa.Table) -> pa.Table:
    """Lists, and what else has parts, as JSON; durations in seconds; bytes in hexadecimal digits."""
    into = schema(table.schema)
    arrays = [_column(column, field.type) for column, field in zip(table.columns, into, strict=True)]
    return pa.Table.from_arrays(arrays, schema=into)


def longest(column: pa.ChunkedArray) -> int | None:
    """Letters of the longest text, or bytes, of a column or its lists; None for a column of other values."""
    missing = bool(column.null_count)
    if pa.types.is_list(column.type):
        column = pc.list_flatten(column)
    if _is_text(column.type):
        found = pc.max(pc.utf8_length(column)).as_py()
    elif _is_bytes(column.type):
        found = pc.max(pc.binary_length(column)).as_py()
    else:
        return None
    return max(found or 1, _NULL if missing or column.null_count else 1)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_nested(kind) or _is_bytes(kind):
        return pa.string()
    return pa.float64() if pa.types.is_duration(kind) else kind


def _column(column: pa.ChunkedArray, into: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_duration(column.type):
        return pc.divide(column.cast(pa.int64()).cast(into, safe=False), _A_SECOND[column.type.unit])
    if column.type == into:
        return column
    write = bytes.hex if _is_bytes(column.type) else _json
    texts = [None if value is None else write(value) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, into)])


def _json(value: Any) -> str:
    return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False, default=str)


def _plain(value: Any) -> Any:
    """JSON has neither NaN nor infinity: null stands for them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return value
