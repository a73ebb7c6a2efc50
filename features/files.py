"""Detections from files and rows of features to and from files: Parquet or CSV, by the name's ending.

pyarrow is imported only where a Parquet file is read or written.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.batch import Rows
from features.curves import LightCurves, floats, texts
from features.declare import Feature, Survey, Table
from features.errors import InputError
from features.rounded import rounded
from features.text import NULL, write_header, write_rows

Column = NDArray[Any]

ENDINGS = (".parquet", ".csv")
INPUTS = "inputs"
"""Name of the file of what comes from outside Cassandra."""


def read_detections(survey: Survey, path: Path) -> LightCurves:
    """The detections of a file whose columns have the names of the survey's table (upper case makes no difference).

    Rows may be in any order. Raises InputError for a file that cannot be read, lacks a column that a feature needs, or
    holds something else than the column's type.
    """
    return read_table(survey.detections, survey.inputs, path)


def read_table(table: Table, names: Sequence[str], path: Path) -> LightCurves:
    """The rows of a file of one table, its key and ``names`` of it; otherwise as ``read_detections``."""
    columns = _read(path, {name: table.typed[name].dtype for name in names})
    object_id = columns.pop(table.partition_key[0])
    if len(nobody := np.flatnonzero(np.ma.getmaskarray(object_id))):
        raise InputError(
            f"{path}: rows without {table.partition_key[0]}: {len(nobody)}, the first one is row {nobody[0] + 1}:"
            " every row belongs to an object, so leave them out of the file"
        )
    return LightCurves.from_rows(object_id, columns, table.clustering)


def read_light_curves(survey: Survey, path: Path) -> LightCurves:
    """The detections of a file, or of the file in a folder that has their table's name, with all else that is read.

    Other tables are in files of their names beside it; what comes from outside Cassandra is in columns of a file
    ``inputs`` there, if there is one. Raises InputError as ``read_detections``.
    """
    file = _named(path, survey.detections.name) if path.is_dir() else path
    curves = read_detections(survey, file)
    others = {
        table.name: read_table(table, survey.reads[table.name], _named(file.parent, table.name)).of(curves.object_id)
        for table in survey.tables[1:]
        if table.name in survey.reads
    }
    return replace(curves, others=others, given=_given(survey, file.parent, curves))


def _given(survey: Survey, folder: Path, curves: LightCurves) -> dict[str, Column]:
    """A value an object of each of ``survey.external``, missing where there is none."""
    if not survey.external:
        return {}
    key = survey.detections.key
    wanted = {column.name: column.dtype for column in (key, *survey.external)}
    found = {name: np.empty(0, dtype) for name, dtype in wanted.items()}
    if any((folder / f"{INPUTS}{ending}").exists() for ending in ENDINGS):
        path = _named(folder, INPUTS)
        found = _read(path, wanted, optional=True)
        if key.name not in found:
            raise InputError(f"{path}: no column {key.name}: every row belongs to an object")
    rows = LightCurves.from_rows(found.pop(key.name), found, ()).of(curves.object_id)
    nothing = np.full(len(curves), np.nan), np.full(len(curves), None, object)
    return {
        each.name: (texts if each.dtype.hasobject else floats)(rows.latest(each.name))
        if each.name in found
        else nothing[each.dtype.hasobject]
        for each in survey.external
    }


def _named(folder: Path, name: str) -> Path:
    """The file of a table in a folder."""
    for ending in ENDINGS:
        if (folder / f"{name}{ending}").exists():
            return folder / f"{name}{ending}"
    raise InputError(f"{folder}: no file {name}{' or '.join(ENDINGS)}: the survey's features need it")


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
        if dtype.kind == "i" and (limit := rounded(column)):
            raise InputError(
                f"{path}: column {name} is {column.type}, which has lost digits of whole numbers from {limit} on:"
                " store it as int64, from where it comes"
            )
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
            arrays = [pa.array(rows.object_id, kind(survey.key))]
            for column in survey.features:
                arrays.append(pa.array(rows.values[column.name], kind(column), mask=rows.missing[column.name]))
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            written += len(rows)
    return written
