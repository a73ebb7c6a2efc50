"""A row's digest, computed by the server in SQL and here from the parts' values: equal where the rows are, to the bit.

Numbers are hashed as the bits of doubles, never as printed text: ``POINT(x, y)`` is a header and the 16 bytes of both
(OGC 06-103r4, well-known binary, after four bytes of SRID). A FLOAT is exact as a double, so is an INT; a BIGINT is
taken in two halves. NULL is a number that no FLOAT and no INT holds; a DOUBLE has a flag beside it. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import md5
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from farm.load.columns import Values, kind
from farm.load.sql import name
from features.declare import Feature

_POINT = np.frombuffer(b"\0\0\0\0\1\1\0\0\0", np.uint8)
_NULL = 1e300
_HALF = 2**32


def expression(columns: Sequence[Feature]) -> str:
    """SQL of the exclusive or of the digests of rows, 64 bits unsigned; 0 without rows."""
    numbers = list(chain.from_iterable(_number_sql(column) for column in columns))
    points = [f"POINT({one}, {other})" for one, other in _pairs(numbers, "0")]
    texts = [_text_sql(name(column.name)) for column in columns if column.width is not None]
    return f"BIT_XOR(CAST(CONV(LEFT(MD5(CONCAT({', '.join(points + texts)})), 16), 16, 10) AS UNSIGNED))"


def digests(columns: Sequence[Feature], values: Mapping[str, Values]) -> NDArray[np.uint64]:
    """The digest of each row."""
    rows = len(next(iter(values.values())).data)
    numbers = list(chain.from_iterable(_numbers(column, values[column.name]) for column in columns))
    numbers += [np.zeros(rows)] * (len(numbers) % 2)
    points = np.empty((rows, len(numbers) // 2, len(_POINT) + 16), np.uint8)
    points[:, :, : len(_POINT)] = _POINT
    bits = np.ascontiguousarray(np.column_stack(numbers).astype("<f8")) if numbers else np.empty((rows, 0))
    points[:, :, len(_POINT) :] = bits.view(np.uint8).reshape(rows, -1, 16)
    texts = [_texts(values[column.name]) for column in columns if column.width is not None]
    width, raw = points.shape[1] * points.shape[2], points.tobytes()
    ends = map(b"".join, zip(*texts, strict=True)) if texts else iter([b""] * rows)
    found = [md5(raw[at * width : (at + 1) * width] + end, usedforsecurity=False).digest()[:8]
             for at, end in enumerate(ends)]  # fmt: skip
    return np.frombuffer(b"".join(found), ">u8").astype(np.uint64)


def _number_sql(column: Feature) -> Iterator[str]:
    column_name, known = name(column.name), kind(column.sql)
    if known == "double":
        yield f"COALESCE({column_name}, 0) + 0e0"  # minus zero is zero
        yield f"ISNULL({column_name})"
    elif known == "bigint":
        yield f"COALESCE({column_name} DIV {_HALF}, {_NULL!r})"
        yield f"COALESCE({column_name} MOD {_HALF}, 0)"
    elif column.width is None:
        yield f"COALESCE({column_name}, {_NULL!r}) + 0e0"


def _numbers(column: Feature, values: Values) -> Iterator[NDArray[np.float64]]:
    known = kind(column.sql)
    if known == "double":
        yield np.where(values.null, 0.0, values.data) + 0.0
        yield values.null.astype(np.float64)
    elif known == "bigint":
        high = np.trunc(values.data // _HALF + ((values.data < 0) & (values.data % _HALF != 0)))
        yield np.where(values.null, _NULL, high)
        yield np.where(values.null, 0.0, values.data - high.astype(np.int64) * _HALF)
    elif column.width is None:
        yield np.where(values.null, _NULL, values.data.astype(np.float64)) + 0.0


def _text_sql(column: str) -> str:
    return f"CAST(COALESCE(CONCAT(LENGTH({column}), ':', {column}), '-') AS BINARY)"


def _texts(values: Values) -> list[bytes]:
    encoded = [b"" if null else str(text).encode() for text, null in zip(values.data, values.null, strict=True)]
    return [b"-" if null else b"%d:%b" % (len(text), text) for text, null in zip(encoded, values.null, strict=True)]


def _pairs(items: list[str], filler: str) -> Iterator[tuple[str, str]]:
    yield from zip(items[::2], [*items[1::2], *[filler] * (len(items) % 2)], strict=True)
