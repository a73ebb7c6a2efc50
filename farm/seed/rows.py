"""Rows of a table on their way to Cassandra: columns of arrays, and the bytes that SSTableFeed.java reads.

``Rows`` maps a column's name to a masked array (masked: null); text is of dtype ``S``. A column that is absent is null.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]
Rows: TypeAlias = dict[str, Array]

CHUNK = 40_000
"""Rows that are in memory at a time, about 25 MB."""

STORED = {"double": ">f8", "float": ">f4", "bigint": ">i8", "int": ">i4", "boolean": "?"}
"""CQL's numeric types as Cassandra serialises them; every other type here is text."""


def header(types: Sequence[str]) -> bytes:
    """What stands before the first chunk: the number of columns, and each one's width in bytes, 0 for text."""
    widths = [np.dtype(STORED[cql]).itemsize if cql in STORED else 0 for cql in types]
    return np.array([len(types), *widths], dtype=">i4").tobytes()


def chunk(rows: Rows, columns: Sequence[tuple[str, str]], count: int) -> bytes:
    """``count`` rows as SSTableFeed.java reads them; ``columns`` are (name, CQL type) in the order of its INSERT."""
    parts = [np.array(count, dtype=">i4").tobytes()]
    everywhere = np.packbits(np.ones(count, dtype=bool)).tobytes()
    for name, cql in columns:
        values = rows.get(name)
        if values is None:
            parts.append(everywhere)
            parts.append(bytes(4 * (count + 1)) if cql not in STORED else bytes(count * np.dtype(STORED[cql]).itemsize))
            continue
        parts.append(np.packbits(np.ma.getmaskarray(values)).tobytes())
        parts.extend(_text(values) if cql not in STORED else [np.ma.getdata(values).astype(STORED[cql]).tobytes()])
    return b"".join(parts)


def _text(values: Array) -> list[bytes]:
    """Offsets and bytes of an array of dtype ``S``, whose values hold no NUL."""
    filled = np.ascontiguousarray(np.where(np.ma.getmaskarray(values), b"", np.ma.getdata(values)))
    letters = filled.view(np.uint8)
    offsets = np.zeros(len(filled) + 1, dtype=">i4")
    offsets[1:] = np.cumsum(np.char.str_len(filled))
    return [offsets.tobytes(), letters[letters != 0].tobytes()]


END = bytes(4)
"""What stands after the last chunk."""
