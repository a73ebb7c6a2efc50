"""Light curves from files: Parquet with the columns of ``candidates``, or ZTF's alert packets in Avro.

A Parquet file that is named as another table of the survey has that table's rows; packets have upper limits in their
histories and, the newer ones, forced photometry. All rows of the files are in memory at once, since Cassandra's bulk
writer wants them in the order of their tokens.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from farm.errors import InputError
from farm.seed.rows import CHUNK, Array, Rows
from farm.seed.store import tokens
from farm.seed.tables import array, ordered
from features.declare import Table

KEY = ("objectid", "jd", "candid")
ESSENTIAL = (*KEY, "fid", "nid", "ra", "dec", "magpsf", "sigmapsf", "isdiffpos")
"""What every detection has, also one of a packet's history."""
ARROW = {"double": pa.float64(), "float": pa.float32(), "bigint": pa.int64(), "int": pa.int32()}


def listed(paths: Sequence[Path]) -> list[Path]:
    """The files, and the ``*.parquet`` and ``*.avro`` files of folders. Raises InputError where there is none."""
    found = []
    for path in paths:
        if not path.exists():
            raise InputError(f"there is no {path}: name a Parquet or Avro file of alerts, or a folder of them")
        files = [path]
        if path.is_dir():
            files = sorted(each for each in path.rglob("*") if each.suffix in (".parquet", ".avro"))
        if not files:
            raise InputError(
                f"{path} holds no *.parquet and no *.avro file: name a file of alerts, or a folder of them"
            )
        found += files
    return found


def read(files: Sequence[Path], columns: Mapping[str, str]) -> Rows:
    """Every detection of Parquet and Avro files.

    ``columns`` are the table's, name to CQL type. Rows without a candid are no detections and are left out; of rows
    with one key the last one stays. The result is in the order (token, objectid, jd, candid).
    Raises InputError where a file cannot be read or is not of this table, and where there is no detection.
    """
    if not files:
        raise InputError("there is no file of detections: name a Parquet or Avro file of alerts, or a folder of them")
    avro = [each for each in files if _is_avro(each)]
    tables = [_parquet(each, columns) for each in files if each not in avro]
    if avro:
        tables.append(_packets(avro, columns))
    rows = _rows(pa.concat_tables(tables), columns)
    if not len(rows["jd"]):
        names = ", ".join(map(str, files[:3]))
        raise InputError(f"{names}{' ...' if len(files) > 3 else ''} holds no detection: not one row has a candid")
    return rows


def beside(files: Sequence[Path], tables: Sequence[Table]) -> dict[str, Rows]:
    """What alert packets have besides detections: table to its rows, in the order in which Cassandra stores them."""
    avro, found = [each for each in files if _is_avro(each)], dict[str, Rows]()
    for table in tables:
        kept: dict[tuple[Any, ...], dict[str, Any]] = {}
        for path in avro:
            for object_id, record in _records(path, _BESIDE[table.name]):
                row = {name.lower(): value for name, value in record.items()} | {table.key.name: object_id}
                kept[tuple(row[name] for name in (*table.partition_key, *table.clustering))] = row
        if kept:
            values = {name: pa.chunked_array([[row.get(name) for row in kept.values()]]) for name in table.typed}
            found[table.name] = ordered(
                {name: array(avro[0].parent, values[name], declared) for name, declared in table.typed.items()}, table
            )
    return found


def chunks(rows: Rows) -> Iterator[Rows]:
    for first in range(0, len(rows["jd"]), CHUNK):
        yield {name: values[first : first + CHUNK] for name, values in rows.items()}


def _is_avro(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if magic not in (b"Obj\x01", b"PAR1"):
        raise InputError(f"{path} is neither Parquet nor Avro: name a file of alerts in one of them")
    return magic == b"Obj\x01"


def _check(path: Path, found: Collection[str]) -> None:
    if absent := [name for name in ESSENTIAL if name not in found]:
        raise InputError(f"{path} is no file of ZTF detections: it lacks {', '.join(absent)}")


def _parquet(path: Path, columns: Mapping[str, str]) -> pa.Table:
    try:
        table = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}") from error
    table = table.rename_columns([name.lower() for name in table.column_names])
    _check(path, table.column_names)
    if unknown := [name for name in table.column_names if name not in columns]:
        raise InputError(f"{path} has columns that table candidates has not: {', '.join(unknown)}; leave them out")
    return _cast(path, table, columns)


def _cast(path: Path, table: pa.Table, columns: Mapping[str, str]) -> pa.Table:
    """All columns, at Arrow's types for theirs."""
    arrays = {}
    for name, cql in columns.items():
        wanted = ARROW.get(cql, pa.string())
        if name not in table.column_names:
            arrays[name] = pa.nulls(len(table), wanted)
            continue
        try:
            arrays[name] = table[name].cast(wanted)
        except pa.ArrowException as error:
            raise InputError(f"{path}: column {name} is {table[name].type}, not {cql}: {error}") from error
    for name in ("objectid", "jd"):
        if arrays[name].null_count:
            raise InputError(f"{path}: {arrays[name].null_count} rows have no {name}, which is part of the key")
    return pa.table(arrays)


def _packets(paths: Sequence[Path], columns: Mapping[str, str]) -> pa.Table:
    """The detections of alert packets: each packet's own and its history's, one row a key.

    A detection is in many packets, with more columns in the one that it triggered: a value wins over a null.
    """
    detections: dict[tuple[Any, ...], dict[str, Any]] = {}
    for path in paths:
        for object_id, packet in _records(path, _detected):
            row = {name.lower(): value for name, value in packet.items()}
            row["objectid"] = object_id
            _check(path, row)
            kept = {name: value for name, value in row.items() if name in columns and value is not None}
            key = tuple(row[name] for name in KEY)
            detections[key] = detections.get(key, {}) | kept
    rows = list(detections.values())
    arrays = {name: [row.get(name) for row in rows] for name in columns}
    try:
        return pa.table({name: pa.array(arrays[name], ARROW.get(cql, pa.string())) for name, cql in columns.items()})
    except pa.ArrowException as error:
        raise InputError(f"{paths[0].parent}: a value of the packets does not fit its column: {error}") from error


def _detected(packet: Any) -> Iterator[Any]:
    """Its detections, the history first."""
    yield from (each for each in packet["prv_candidates"] or () if each.get("candid") is not None)
    yield packet["candidate"]


_BESIDE: Mapping[str, Callable[[Any], Iterable[Any]]] = {
    "noncandidates": lambda packet: (each for each in packet["prv_candidates"] or () if each.get("candid") is None),
    "forcedphot": lambda packet: packet.get("fp_hists") or (),
}


def _records(path: Path, of: Callable[[Any], Iterable[Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """objectId and record of what ``of`` takes from each packet of a file."""
    try:
        with path.open("rb") as file:
            packets: Iterator[Any] = fastavro.reader(file)
            for packet in packets:
                for record in of(packet):
                    yield packet["objectId"], record
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} is no ZTF alert packet: it has no {error}") from error
    except (ValueError, EOFError, OSError) as error:
        raise InputError(f"{path} cannot be read as Avro: {error}") from error


def _rows(table: pa.Table, columns: Mapping[str, str]) -> Rows:
    """The table as arrays, sorted as Cassandra stores it, without rows that have no candid or a later row's key."""
    table = table.filter(pc.is_valid(table["candid"]))
    rows = {name: _array(table[name].combine_chunks(), cql) for name, cql in columns.items()}
    ids, number = np.unique(np.ma.getdata(rows["objectid"]), return_inverse=True)
    key = (np.ma.getdata(rows["candid"]), np.ma.getdata(rows["jd"]), number, tokens(ids)[number])
    order = np.lexsort(key)
    same = np.ones(max(len(order) - 1, 0), dtype=bool)
    for part in key:
        same &= part[order][1:] == part[order][:-1]
    order = order[~np.append(same, False)] if len(order) else order
    return {name: values[order] for name, values in rows.items()}


def _array(column: pa.Array, cql: str) -> Array:
    """An Arrow column as a masked array; text as dtype ``S``."""
    mask = column.is_null().to_numpy(zero_copy_only=False)
    if cql in ARROW:
        return np.ma.array(column.fill_null(0).to_numpy(zero_copy_only=False), mask=mask)
    return np.ma.array(column.fill_null("").to_numpy(zero_copy_only=False).astype("S"), mask=mask)
