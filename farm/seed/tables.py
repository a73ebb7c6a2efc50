"""Rows of one table: from Parquet, in the order of Cassandra, and in chunks."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from farm.errors import InputError
from farm.seed.hooks import Ingest
from farm.seed.rows import CHUNK, Array, Rows
from farm.seed.store import tokens
from features.declare import Column, Table
from features.rounded import rounded

_ARROW = {
    "double": pa.float64(),
    "float": pa.float32(),
    "bigint": pa.int64(),
    "int": pa.int32(),
    "boolean": pa.bool_(),
}


def arrow(column: Column) -> pa.DataType:
    return _ARROW.get(column.cql, pa.string())


def primary_key(table: Table) -> tuple[str, ...]:
    """Columns of which no two rows have the same values."""
    return (*table.partition_key, *table.clustering)


def from_parquet(file: Path, table: Table, hook: Ingest) -> Rows:
    """All rows of a file whose columns have the names of the table (upper case makes no difference).

    Raises InputError where it cannot be read, lacks a column of the key or one that the survey calls essential, or has
    one that the table has not.
    """
    try:
        read = pq.ParquetFile(file).read()
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{file} cannot be read as Parquet: {str(error).splitlines()[0]}") from error
    names = {name.lower(): name for name in table.typed}
    read = read.rename_columns([names.get(name.lower(), name) for name in read.column_names])
    wanted = dict.fromkeys((*primary_key(table), *hook.essential.get(table.name, ())))
    if lacking := [name for name in wanted if name not in read.column_names]:
        raise InputError(f"{file} is no file of rows of {table.name}: it lacks {', '.join(lacking)}")
    if unknown := [name for name in read.column_names if name not in table.typed]:
        raise InputError(f"{file} has columns that table {table.name} has not: {', '.join(unknown)}; leave them out")
    rows = hook.completed(table.name, {name: _column(file, read, column) for name, column in table.typed.items()})
    for name in primary_key(table):
        if nulls := np.count_nonzero(np.ma.getmaskarray(rows[name])):
            raise InputError(f"{file}: {nulls} rows have no {name}, which is part of the key")
    return rows


def merged(several: Sequence[Rows], table: Table) -> Rows:
    """All rows in the order in which Cassandra stores them; of those with one key the last one stays."""
    rows = {name: _joined([each[name] for each in several]) for name in table.typed}
    ids, number = np.unique(np.ma.getdata(rows[table.key.name]), return_inverse=True)
    key = (*(np.ma.getdata(rows[name]) for name in reversed(table.clustering)), number, tokens(ids)[number])
    order = np.lexsort(key)
    same = np.ones(max(len(order) - 1, 0), dtype=bool)
    for part in key:
        same &= part[order][1:] == part[order][:-1]
    order = order[~np.append(same, False)] if len(order) else order
    return {name: values[order] for name, values in rows.items()}


def chunks(tables: Mapping[str, Rows]) -> Iterator[Mapping[str, Rows]]:
    """Some rows of one table after another."""
    for name, rows in tables.items():
        for first in range(0, len(next(iter(rows.values()))), CHUNK):
            yield {name: {column: values[first : first + CHUNK] for column, values in rows.items()}}


def masked(column: pa.Array) -> Array:
    """A masked array; text as dtype ``S``."""
    mask = column.is_null().to_numpy(zero_copy_only=False)
    text = pa.types.is_string(column.type)
    filled = column.fill_null("" if text else False if pa.types.is_boolean(column.type) else 0)
    values = filled.to_numpy(zero_copy_only=False)
    return np.ma.array(values.astype("S") if text else values, mask=mask)


def _column(file: Path, read: pa.Table, column: Column) -> Array:
    """A column of the table, missing where the file has none."""
    if column.name not in read.column_names:
        return masked(pa.nulls(len(read), arrow(column)))
    found = read[column.name]
    if pa.types.is_integer(arrow(column)) and (limit := rounded(found)):
        raise InputError(
            f"{file}: column {column.name} is {found.type}, which has lost digits of whole numbers from {limit} on:"
            " store it as int64, from where it comes"
        )
    try:
        return masked(found.cast(arrow(column)).combine_chunks())
    except pa.ArrowException as error:
        raise InputError(f"{file}: column {column.name} is {found.type}, not {column.cql}: {error}") from error


def _joined(several: Sequence[Array]) -> Array:
    masks = np.concatenate([np.ma.getmaskarray(each) for each in several])
    return np.ma.array(np.concatenate([np.ma.getdata(each) for each in several]), mask=masks)
