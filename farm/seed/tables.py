"""The tables of a survey from a folder of Parquet files, one a table, named as the tables are."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from farm.errors import InputError
from farm.seed.rows import CHUNK, Array, Rows
from farm.seed.store import tokens
from features.declare import Column, Survey, Table

_ARROW = {
    "double": pa.float64(),
    "float": pa.float32(),
    "bigint": pa.int64(),
    "int": pa.int32(),
    "boolean": pa.bool_(),
}


def read(folder: Path, survey: Survey) -> dict[str, Rows]:
    """Table to all its rows, in the order in which Cassandra stores them. A file but that of detections may be absent.

    Raises InputError where a file cannot be read, lacks a column of the key, or has one that its table has not.
    """
    found = {}
    for table in survey.tables:
        file = folder / f"{table.name}.parquet"
        if file.exists():
            found[table.name] = read_one(file, table)
    if survey.detections.name not in found:
        raise InputError(f"{folder} has no {survey.detections.name}.parquet: a file a table of {survey.name} is wanted")
    return found


def chunks(tables: Mapping[str, Rows]) -> Iterator[Mapping[str, Rows]]:
    """Some rows of one table after another."""
    for name, rows in tables.items():
        for first in range(0, len(next(iter(rows.values()))), CHUNK):
            yield {name: {column: values[first : first + CHUNK] for column, values in rows.items()}}


def read_one(file: Path, table: Table) -> Rows:
    """All rows of one table, in the order in which Cassandra stores them. Raises InputError as ``read`` does."""
    try:
        read = pq.read_table(file)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{file} cannot be read as Parquet: {str(error).splitlines()[0]}") from error
    if unknown := [name for name in read.column_names if name not in table.typed]:
        raise InputError(f"{file} has columns that table {table.name} has not: {', '.join(unknown)}")
    key = (*table.partition_key, *table.clustering)
    if lacking := [name for name in key if name not in read.column_names or read[name].null_count]:
        raise InputError(f"{file}: {lacking[0]} is part of the key, and is not in every row")
    return ordered({name: array(file, read[name], table.typed[name]) for name in read.column_names}, table)


def ordered(rows: Rows, table: Table) -> Rows:
    """The rows in the order in which Cassandra stores them."""
    ids, number = np.unique(np.ma.getdata(rows[table.partition_key[0]]), return_inverse=True)
    order = np.lexsort((*(np.ma.getdata(rows[name]) for name in reversed(table.clustering)), tokens(ids)[number]))
    return {name: values[order] for name, values in rows.items()}


def array(file: Path, column: pa.ChunkedArray, declared: Column) -> Array:
    """A masked array; text as dtype ``S``."""
    wanted = _ARROW.get(declared.cql, pa.string())
    try:
        column = column.cast(wanted).combine_chunks()
    except pa.ArrowException as error:
        raise InputError(f"{file}: column {declared.name} is {column.type}, not {declared.cql}: {error}") from error
    mask = column.is_null().to_numpy(zero_copy_only=False)
    filled = column.fill_null("" if wanted == pa.string() else False if wanted == pa.bool_() else 0)
    values = filled.to_numpy(zero_copy_only=False)
    return np.ma.array(values.astype("S") if wanted == pa.string() else values, mask=mask)
