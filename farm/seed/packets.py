"""Rows of a survey's tables from alert packets in Avro, as the survey's ``ingest`` takes them apart.

A row is in many packets, with more columns in the one of its own alert: a value wins over a null, and a later packet's
over an earlier one's.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import fastavro
import pyarrow as pa

from farm.errors import InputError
from farm.seed import tables
from farm.seed.hooks import Ingest
from farm.seed.rows import Rows
from features.declare import Survey, Table

Row: TypeAlias = Mapping[str, Any]


def read(files: Sequence[Path], survey: Survey, hook: Ingest) -> dict[str, Rows]:
    """Table to its rows, each key once. Raises InputError where a file holds no packets of the survey."""
    if not files:
        return {}
    declared = {table.name: table for table in survey.tables}
    kept: dict[str, dict[tuple[Any, ...], tuple[float, Row]]] = {}
    for path in files:
        for moment, name, row in _records(path, survey, hook):
            table, known = declared[name], kept.setdefault(name, {})
            _check(path, table, row, hook)
            new = {column: value for column, value in row.items() if column in table.typed and value is not None}
            key = tuple(row[column] for column in tables.primary_key(table))
            when, old = known.get(key, (moment, {}))
            known[key] = (moment, {**old, **new}) if moment >= when else (when, {**new, **old})
    return {
        name: hook.completed(name, _arrays(files[0].parent, declared[name], [row for _, row in rows.values()]))
        for name, rows in kept.items()
    }


def _records(path: Path, survey: Survey, hook: Ingest) -> Iterator[tuple[float, str, Row]]:
    """The packet's moment, table and row of all that the packets of a file hold."""
    if hook.rows is None:
        raise InputError(f"{path}: {survey.name} has no alert packets; seed with Parquet files, one a table")
    try:
        with path.open("rb") as file:
            packets: Iterator[Any] = fastavro.reader(file)
            for packet in packets:
                moment = hook.moment(packet)
                for name, row in hook.rows(packet):
                    yield moment, name, row
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} is no alert packet of {survey.name}: it has no {error}") from error
    except (ValueError, EOFError, OSError) as error:
        raise InputError(f"{path} cannot be read as Avro: {error}") from error


def _check(path: Path, table: Table, row: Row, hook: Ingest) -> None:
    lacking = [name for name in tables.primary_key(table) if row.get(name) is None]
    lacking += [name for name in hook.essential.get(table.name, ()) if name not in row]
    if lacking:
        raise InputError(f"{path} has a row of {table.name} that lacks {', '.join(lacking)}")


def _arrays(folder: Path, table: Table, rows: Sequence[Row]) -> Rows:
    columns = {}
    for name, column in table.typed.items():
        try:
            values = pa.array([row.get(name) for row in rows], tables.arrow(column))
        except (pa.ArrowException, OverflowError) as error:
            raise InputError(f"{folder}: a value of the packets does not fit column {name}: {error}") from error
        columns[name] = tables.masked(values)
    return columns
