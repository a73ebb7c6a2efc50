"""Numbers of a row as one binary value of the server's: their bits, since printing them costs both sides more. Pure.

They come as doubles, two a point: ``POINT(x, y)`` is 9 bytes (SRID and header of well-known binary, OGC 06-103r4) and
those of both. A bigint takes two doubles. Behind the points stands a digit a number, 1 where it is NULL.
"""

from collections.abc import Sequence
from itertools import chain

import numpy as np

from farm.load.columns import INTEGERS, Values, kind

HEADER, POINT = 9, 25
HALF = 2**32


def is_number(sql: str) -> bool:
    """Whether columns of an SQL type can be packed: what ``parse`` makes numbers of, and int64 holds."""
    return kind(sql) in ("double", "float", *INTEGERS) and "unsigned" not in sql.lower()


def halves(sql: str, value: str) -> tuple[str, ...]:
    """SQL of the doubles that hold a number, 0 for NULL."""
    known = f"COALESCE({value}, 0)"
    return (f"{known} DIV {HALF}", f"{known} MOD {HALF}") if kind(sql) == "bigint" else (known,)


def points(doubles: Sequence[str]) -> list[str]:
    """SQL of the points that hold so many doubles."""
    return [f"POINT({one}, {other})" for one, other in zip(doubles[::2], [*doubles[1::2], "0"], strict=False)]


def pack(numbers: Sequence[tuple[str, str]]) -> str:
    """SQL of one value of them all; of each number the SQL of its value, and its type."""
    doubles = list(chain.from_iterable(halves(sql, value) for value, sql in numbers))
    return f"CONCAT({', '.join((*points(doubles), *(f'ISNULL({value})' for value, _ in numbers)))})"


def unpack(types: Sequence[str], rows: Sequence[bytes]) -> list[Values]:
    """The numbers of ``rows`` of ``pack``, a column an SQL type."""
    pairs = (sum(len(halves(sql, "")) for sql in types) + 1) // 2
    raw = np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), pairs * POINT + len(types))
    null = raw[:, pairs * POINT :] == ord("1")
    bits = raw[:, : pairs * POINT].reshape(len(rows), pairs, POINT)[:, :, HEADER:]
    doubles = iter(np.ascontiguousarray(bits).reshape(len(rows), pairs * (POINT - HEADER)).view("<f8").T)
    found = []
    for at, sql in enumerate(types):
        data = next(doubles)
        if kind(sql) == "bigint":
            data = data.astype(np.int64) * HALF + next(doubles).astype(np.int64)
        elif kind(sql) in INTEGERS:
            data = data.astype(np.int64)
        elif kind(sql) == "float":
            data = data.astype(np.float32)
        found.append(Values(np.ascontiguousarray(data), null[:, at].copy()))
    return found
