"""Detections from files and rows of features to and from files: Parquet or CSV, by the name's ending.

pyarrow is imported only where a Parquet file is read or written.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.batch import Rows
from features.curves import LightCurves
from features.declare import Feature, Survey
from features.errors import InputError
from features.text import NULL, write_header, write_rows

Column = NDArray[Any]


def read_detections(survey: Survey, path: Path) -> LightCurves:
    """The detections of a file whose columns have the names of the survey's table (upper case makes no difference).

    Rows may be in any order. Raises InputError for a file that cannot be read, lacks a column that a feature needs, or
    holds something else than the column's type.
    """
    table = survey.detections
    wanted = {column.name: column.dtype for column in table.columns}
    columns = _read(path, {name: wanted[name] for name in survey.inputs})
    object_id = columns.pop(table.partition_key[0])
    if np.ma.getmaskarray(object_id).any():
        raise InputError(f"{path}: a row without {table.partition_key[0]}: every detection belongs to an object")
    return LightCurves.from_rows(object_id, columns)


def read_features(survey: Survey, path: Path) -> dict[str, Column]:
    """The rows of features of a file, as masked arrays by column: the key and every feature that the file has.

    A float is rounded to single precision, as the table holds it. Raises InputError.
    """
    columns = _read(path, {column.name: column.dtype for column in survey.columns}, optional=True)
    if survey.key.name not in columns:
        raise InputError(f"{path}: no column {survey.key.name}: this is not a file of rows of features")
    for column in survey.columns:
        if column.sql == "float" and column.name in columns:
            values = columns[column.name]
            with np.errstate(over="ignore"):
                columns[column.name] = np.ma.MaskedArray(values.astype(np.float32), np.ma.getmaskarray(values))
    return columns


def write_features(survey: Survey, batches: Iterable[Rows], path: Path) -> int:
    """Write rows of features; returns how many.

    CSV is that of a part (``features.text``). Parquet has doubles in full precision and one column more than the
    features, the key. Raises InputError where the file cannot be written.
    """
    try:
        if path.suffix == ".csv":
            with path.open("wb") as file:
                write_header(survey, file)
                return sum(write_rows(rows, file) for rows in batches)
        if path.suffix == ".parquet":
            return _write_parquet(survey, batches, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
    raise _ending(path)


def _read(path: Path, wanted: Mapping[str, np.dtype[Any]], optional: bool = False) -> dict[str, Column]:
    """Columns by name; where ``optional`` is set, those that the file has."""
    if path.suffix not in (".csv", ".parquet"):
        raise _ending(path)
    try:
        return (_read_csv if path.suffix == ".csv" else _read_parquet)(path, wanted, optional)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error


def _ending(path: Path) -> InputError:
    return InputError(f"{path}: the name ends neither in .parquet nor in .csv, and the ending says what a file is")


def _found(path: Path, names: Sequence[str], wanted: Iterable[str], optional: bool) -> dict[str, int]:
    """Places of the wanted columns among the file's ``names``."""
    places = {name.lower(): place for place, name in enumerate(names)}
    missing = [name for name in wanted if name.lower() not in places]
    if missing and not optional:
        raise InputError(f"{path}: no column {', '.join(missing)}: the features need them")
    return {name: places[name.lower()] for name in wanted if name.lower() in places}


def _read_csv(path: Path, wanted: Mapping[str, np.dtype[Any]], optional: bool) -> dict[str, Column]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = csv.reader(file, strict=True)
            names = next(lines, [])
            places = _found(path, names, wanted, optional)
            rows = list(lines)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV file: {error}") from error
    for number, row in enumerate(rows, start=2):
        if len(row) != len(names):
            raise InputError(f"{path}, line {number}: {len(row)} fields where the header has {len(names)}")
    return {name: _parsed(path, name, [row[place] for row in rows], wanted[name]) for name, place in places.items()}


def _parsed(path: Path, name: str, fields: list[str], dtype: np.dtype[Any]) -> Column:
    r"""A column of CSV fields; ``\N`` and an empty field are NULL."""
    mask = np.array([field in ("", NULL) for field in fields], bool)
    values = np.zeros(len(fields), dtype)
    for row in np.flatnonzero(~mask).tolist():
        try:
            values[row] = _value(fields[row], dtype)
        except (ValueError, OverflowError):
            raise InputError(f"{path}, line {row + 2}: {fields[row]!r} is no value of {name}") from None
    return np.ma.MaskedArray(values, mask)


def _value(field: str, dtype: np.dtype[Any]) -> Any:
    if dtype.hasobject:
        return field.replace("\\\\", "\\")
    return float(field) if dtype.kind == "f" else int(field)


def _read_parquet(path: Path, wanted: Mapping[str, np.dtype[Any]], optional: bool) -> dict[str, Column]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        names = file.schema_arrow.names
        places = _found(path, names, wanted, optional)
        table = file.read(columns=[names[place] for place in places.values()])
    except pa.ArrowException as error:
        raise InputError(f"{path}: not a Parquet file that can be read: {error}") from error
    columns: dict[str, Column] = {}
    for name, place in places.items():
        column = table.column(names[place])
        dtype = wanted[name]
        try:
            column = column.cast(pa.string() if dtype.hasobject else pa.from_numpy_dtype(dtype)).combine_chunks()
        except pa.ArrowException as error:
            raise InputError(f"{path}: column {name} is {column.type}, which cannot be read as {dtype}") from error
        mask = column.is_null().to_numpy(zero_copy_only=False)
        values = column if dtype.hasobject else column.fill_null(0)
        columns[name] = np.ma.MaskedArray(values.to_numpy(zero_copy_only=False), mask)
    return columns


def _write_parquet(survey: Survey, batches: Iterable[Rows], path: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"f": pa.float64(), "i": pa.int64(), "O": pa.string()}

    def kind(column: Feature) -> Any:
        return kinds[column.dtype.kind]

    schema = pa.schema([(column.name, kind(column)) for column in survey.columns])
    written = 0
    with pq.ParquetWriter(path, schema) as writer:
        for rows in batches:
            arrays = [pa.array(rows.object_id, pa.string())]
            for column in survey.features:
                arrays.append(pa.array(rows.values[column.name], kind(column), mask=rows.missing[column.name]))
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            written += len(rows)
    return written
