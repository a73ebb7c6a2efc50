"""The dataset's schema, by the names of its types, and its files."""

import base64
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from features.errors import InputError
from features.mining import flat
from features.mining.values import DEPTH

GROUP = 1 << 17
"""Rows of a row group, at most,"""
GROUP_BYTES = 1 << 26
"""and about their bytes."""
LENGTH = "table::len::"
"""What Astropy calls the length of a text column in a file's metadata, before the column's name."""


def schema(key: str, key_dtype: np.dtype[Any], types: Mapping[str, str]) -> pa.Schema:
    """The key and what is yielded. Raises InputError for a type that is none, or a name that differs from the key's in
    case alone."""
    own = pa.field(key, pa.string() if key_dtype.hasobject else pa.int64(), nullable=False)
    others = {name: told for name, told in types.items() if name != key}
    for name in others:
        if name.lower() == key.lower():
            raise InputError(f"the schema has {name} beside {key}, the object's id: leave it out")
    return pa.schema([own, *(pa.field(name, _type(name, told)) for name, told in others.items())])


def types(schema: pa.Schema, key: str) -> dict[str, str]:
    """As ``schema`` takes them."""
    return {field.name: _name(field.type) for field in schema if field.name != key}


_NAMES = {
    "double": "float64",
    "float": "float32",
    "halffloat": "float16",
    "date32[day]": "date32",
    "date64[ms]": "date64",
}


def _name(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"list<{_name(kind.value_type)}>"
    return _NAMES.get(str(kind), str(kind))


def known(kind: pa.DataType) -> pa.DataType:
    """The type of a column that has this one, or of which all values are missing."""
    if pa.types.is_list(kind):
        return pa.list_(known(kind.value_type))
    return pa.float64() if pa.types.is_null(kind) else kind


def _type(name: str, told: str) -> pa.DataType:
    if told.count("list<") > DEPTH:
        raise InputError(f"the schema says of {name} lists in more than {DEPTH} levels of lists")
    if told.startswith("list<") and told.endswith(">"):
        return pa.list_(_type(name, told[5:-1]))
    if match := re.fullmatch(r"timestamp\[(s|ms|us|ns), tz=([^\]]+)\]", told):
        return pa.timestamp(match[1], match[2])
    if (match := re.fullmatch(r"decimal128\((\d+), *(\d+)\)", told)) and 0 < int(match[1]) <= 38:
        return pa.decimal128(int(match[1]), int(match[2]))
    try:
        return known(pa.type_for_alias(told))
    except (ValueError, TypeError):
        raise InputError(
            f"the schema says {told!r} of {name}, which is no type: bool, int64, float64, string, list<float64>,"
            " timestamp[us], timestamp[us, tz=UTC], decimal128(20, 4), ..."
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
