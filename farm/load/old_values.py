"""Old values of rows: as the server hands them over before a change, and as an undo loads them again. Pure.

Numbers come as points (``packed``), since printing them would cost the server more than the change. Behind these stand
which columns are NULL, the key and the texts, the latter two as hexadecimal digits. Rows stand one after another, ``;``
between them.
"""

import struct
from collections.abc import Iterator, Sequence
from itertools import chain

from farm.load.columns import kind
from farm.load.packed import HALF, HEADER, POINT, halves, points
from features.declare import Feature


def expression(key: str, guards: Sequence[str], columns: Sequence[tuple[Feature, str]]) -> str:
    """SQL of a row's old values, a binary string; of each column the feature and the SQL of its value.

    ``guards``: SQL of the numbers that say how far the row will be.
    """
    numbers = [f"COALESCE({each}, 0)" for each in guards]
    numbers += chain.from_iterable(halves(feature.sql, value) for feature, value in columns if feature.width is None)
    nulls = [f"ISNULL({value})" for _, value in columns]
    texts = [f"',', HEX(COALESCE({value}, ''))" for feature, value in columns if feature.width is not None]
    return f"CONCAT({', '.join((*points(numbers), *nulls, f'HEX({key})', *texts))})"


def lines(kept: bytes, guards: int, columns: Sequence[Feature]) -> Iterator[str]:
    """Rows of ``expression`` as lines of a CSV: the key, the guards, the columns; texts are hexadecimal.

    Every number is the same again when MariaDB reads it.
    """
    pairs = _pairs(guards, columns)
    for row in _rows(kept, pairs):
        numbers = chain.from_iterable(struct.unpack_from("<dd", row, at * POINT + HEADER) for at in range(pairs))
        rest = row[pairs * POINT :].decode("ascii")
        nulls, (key, *texts) = rest[: len(columns)], rest[len(columns) :].split(",")
        further = [repr(next(numbers)) for _ in range(guards)]
        yield ",".join((key, *further, *_fields(columns, nulls, numbers, iter(texts))))


def number(kept: bytes, guards: int, columns: Sequence[Feature]) -> int:
    """How many rows these are; one that was cut short in its numbers does not count."""
    return sum(1 for _ in _rows(kept, _pairs(guards, columns)))


def _pairs(guards: int, columns: Sequence[Feature]) -> int:
    """How many points a row has."""
    numbers = guards + sum(len(halves(column.sql, "")) for column in columns if column.width is None)
    return (numbers + 1) // 2


def _rows(kept: bytes, pairs: int) -> Iterator[bytes]:
    """Numbers may hold any byte, what is behind them holds no ``;``."""
    begin = 0
    while begin + pairs * POINT < len(kept):
        end = kept.find(b";", begin + pairs * POINT)
        end = len(kept) if end < 0 else end
        yield kept[begin:end]
        begin = end + 1


def _fields(columns: Sequence[Feature], nulls: str, numbers: Iterator[float], texts: Iterator[str]) -> Iterator[str]:
    for column, null in zip(columns, nulls, strict=True):
        if column.width is not None:
            field = next(texts)
        elif kind(column.sql) == "bigint":
            field = str(int(next(numbers)) * HALF + int(next(numbers)))
        else:
            value = next(numbers)
            field = str(int(value)) if "int" in kind(column.sql) else repr(value)
        yield r"\N" if null == "1" else field
