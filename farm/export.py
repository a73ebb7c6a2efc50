"""``farm export``: table ``objects`` as a Parquet file, each column at its SQL type."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farm.errors import InputError
from farm.galera import Account, connect
from farm.load import table
from farm.load.columns import Values, kind, parse
from farm.load.progress import Progress
from farm.load.sql import TABLE, exact, name
from features.target import target

_BATCH = 20_000


@dataclass(frozen=True)
class Exported:
    out: Path
    rows: int
    columns: tuple[str, ...]
    node: str
    size: int
    """Bytes."""

    def as_json(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "out": str(self.out),
            "rows": self.rows,
            "columns": list(self.columns),
            "node": self.node,
            "bytes": self.size,
        }


def export(account: Account, out: Path) -> Exported:
    """Write the table to ``out`` in the order of its key, whole or not at all.

    SQL double becomes float64, float float32, int int32, bigint int64, varchar string. The rows are one moment's.
    Raises GaleraError where the table cannot be read, InputError where the file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    place = _place(out)
    fresh = place.with_name(f".{place.name}.part")
    with connect(account) as node:
        columns = table.columns(node, account)
        schema = pa.schema([(column, _arrow(sql)) for column, sql in columns])
        listed = ", ".join(exact(column, sql) for column, sql in columns)
        progress = Progress("export", int(node.rows(f"SELECT COUNT(*) FROM {TABLE}")[0][0]))  # noqa: S608
        try:
            with pq.ParquetWriter(fresh, schema) as writer:
                for rows in node.texts(f"SELECT {listed} FROM {TABLE} ORDER BY {name(columns[0][0])}", size=_BATCH):  # noqa: S608
                    writer.write_table(_table(rows, columns, schema))
                    progress.add(len(rows))
            fresh.replace(place)
        except OSError as error:
            raise InputError(f"{out} cannot be written: {error}") from None
        finally:
            fresh.unlink(missing_ok=True)
        progress.done()
        return Exported(out, progress.rows, tuple(schema.names), node.address, out.stat().st_size)


def _place(out: Path) -> Path:
    if out.is_dir():
        raise InputError(f"{out} is a folder: name the Parquet file to write with --out")
    try:
        return target(out)
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}") from None


def _arrow(sql: str) -> Any:
    import pyarrow as pa

    types = {"double": pa.float64(), "float": pa.float32(), "int": pa.int32(), "bigint": pa.int64()}
    return types.get(kind(sql), pa.string())


def _table(rows: Sequence[tuple[Any, ...]], columns: Sequence[tuple[str, str]], schema: Any) -> Any:
    import pyarrow as pa

    arrays = [
        _array(parse(sql, texts), schema.field(column).type)
        for (column, sql), texts in zip(columns, zip(*rows, strict=True), strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _array(values: Values, kind: Any) -> Any:
    import pyarrow as pa

    return pa.array(values.data, type=kind, mask=values.null)
