"""Rows as they were yielded, as Arrow tables: the types inferred once, or declared."""

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from features.errors import InputError
from features.mining import flat

Row = Mapping[str, Any]
GROUP = 1 << 17
"""Rows of a row group, at most,"""
GROUP_BYTES = 1 << 26
"""and about their bytes."""
LENGTH = "table::len::"
"""What Astropy calls the length of a text column in a file's metadata, before the column's name."""


def schema(key: str, key_dtype: np.dtype[Any], types: Mapping[str, str]) -> pa.Schema:
    """The key and what is yielded. Raises InputError for a type that is none."""
    own = pa.field(key, pa.string() if key_dtype.hasobject else pa.int64(), nullable=False)
    return pa.schema([own, *(pa.field(name, _type(name, told)) for name, told in types.items() if name != key)])


def types(schema: pa.Schema, key: str) -> dict[str, str]:
    """As ``schema`` takes them."""
    return {field.name: _name(field.type) for field in schema if field.name != key}


def inferred(rows: Sequence[Row], key: str) -> dict[str, str]:
    """Types of what was yielded, in the order of their coming; what is missing in all rows is taken for float64.

    Raises InputError where a column's values have no common type.
    """
    names = dict.fromkeys(name for row in rows for name in row)
    found = {}
    for name in names:
        if name == key:
            continue
        chunks = (_plain(row[name]) if is_many(row) else [_plain(row[name])] for row in rows if name in row)
        try:
            kind = pa.array([value for chunk in chunks for value in chunk]).type
        except (pa.ArrowException, ValueError) as error:
            raise InputError(f"the values of {name} have no common type ({error}): declare a schema") from None
        found[name] = _name(kind)
    return found


def table(rows: Sequence[Row], into: pa.Schema) -> pa.Table:
    """Rows, of which each has the key; a value may be an array, and its row is then many.

    Raises ValueError, TypeError or Arrow's own errors where a value does not fit, or a name is unknown.
    """
    unknown = dict.fromkeys(name for row in rows for name in row if name not in into.names)
    if unknown:
        raise KeyError(f"{', '.join(unknown)} is not in the schema ({', '.join(into.names)})")
    many = [row for row in rows if is_many(row)]
    single = [row for row in rows if not is_many(row)] if many else rows
    tables = [_columns(row, into) for row in many]
    if single or not tables:
        arrays = [pa.array([_plain(row.get(field.name)) for row in single], field.type) for field in into]
        tables.insert(0, pa.Table.from_arrays(arrays, schema=into))
    return pa.concat_tables(tables)


def is_many(row: Row) -> bool:
    """Whether it is a dict of arrays: many rows."""
    return any(isinstance(value, np.ndarray) and value.ndim == 1 for value in row.values()) and all(
        isinstance(value, np.ndarray) for value in row.values()
    )


def _columns(row: Row, into: pa.Schema) -> pa.Table:
    lengths = {name: len(values) for name, values in row.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"the arrays have unlike lengths: {lengths}")
    size = next(iter(lengths.values()))
    arrays = [
        _array(row[field.name], field.type) if field.name in row else pa.nulls(size, field.type) for field in into
    ]
    return pa.Table.from_arrays(arrays, schema=into)


def _array(values: Any, kind: pa.DataType) -> pa.Array:
    if isinstance(values, np.ma.MaskedArray):
        return pa.array(np.ma.getdata(values), mask=np.ma.getmaskarray(values)).cast(kind)
    return pa.array(values).cast(kind) if values.dtype != object else pa.array(values, kind)


def _plain(value: Any) -> Any:
    """numpy's values as Python's."""
    if value is np.ma.masked:
        return None
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value


_NAMES = {"double": "float64", "float": "float32", "halffloat": "float16", "null": "float64"}


def _name(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"list<{_name(kind.value_type)}>"
    if pa.types.is_struct(kind):
        raise InputError("a value is a dict: yield its items as columns, or declare a schema")
    return _NAMES.get(str(kind), str(kind))


def _type(name: str, told: str) -> pa.DataType:
    if told.startswith("list<") and told.endswith(">"):
        return pa.list_(_type(name, told[5:-1]))
    try:
        return pa.type_for_alias(told)
    except (ValueError, TypeError):
        raise InputError(
            f"the schema says {told!r} of {name}, which is no type: bool, int64, float64, string, list<float64>, ..."
        ) from None


def packed(rows: pa.Table) -> bytes:
    """For another process."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows)
    return sink.getvalue()


def unpacked(data: bytes) -> pa.Table:
    return pa.ipc.open_stream(data).read_all()


class Writer:
    """A Parquet or CSV file that grows by row groups; whole when closed.

    Parquet says of each text how long it is at most, ``table::len::COLUMN``, for Astropy to read missing ones.
    """

    def __init__(self, file: Any, into: pa.Schema, kind: str, about: Mapping[str, str]) -> None:
        self.rows = 0
        self._waiting: list[pa.Table] = []
        self._longest = {field.name: found for field in into if (found := flat.longest(_none(field.type))) is not None}
        self._csv = pc.CSVWriter(file, flat.schema(into)) if kind == "csv" else None
        self._schema, self._about = into, dict(about)
        self._parquet = None if self._csv else pq.ParquetWriter(file, into, compression="zstd", store_schema=False)

    def write(self, rows: pa.Table) -> None:
        self.rows += len(rows)
        self._waiting.append(rows)
        rows, size = (sum(each) for each in zip(*((len(part), part.nbytes) for part in self._waiting), strict=True))
        if rows >= GROUP or size >= GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        self._flush()
        if self._csv:
            self._csv.close()
        if self._parquet:
            told = self._about | {f"{LENGTH}{name}": str(length) for name, length in self._longest.items()}
            schema = base64.b64encode(self._schema.with_metadata(told).serialize()).decode()
            # As Arrow writes it, but at the end: the lengths are not known before.
            self._parquet.add_key_value_metadata({**told, "ARROW:schema": schema})
            self._parquet.close()

    def _flush(self) -> None:
        if not self._waiting:
            return
        rows, self._waiting = pa.concat_tables(self._waiting), []
        if self._csv:
            self._csv.write_table(flat.rows(rows))
        if self._parquet:
            self._longest = {name: max(known, flat.longest(rows[name]) or 0) for name, known in self._longest.items()}
            self._parquet.write_table(rows)


def _none(kind: pa.DataType) -> pa.ChunkedArray:
    return pa.chunked_array([], kind)


def rows_of(path: Path) -> Iterator[pa.Table]:
    """The row groups of a Parquet file."""
    file = pq.ParquetFile(path)
    for number in range(file.num_row_groups):
        yield file.read_row_group(number)
