"""Old values of rows: as the server hands them over before a change, and as an undo loads them again. Pure.

Numbers come as the bits of doubles, since printing them would cost the server more than the change: ``POINT(x, y)`` is
9 bytes (SRID and header of well-known binary, OGC 06-103r4) and those of both. Behind the points stand which columns
are NULL, the key and the texts, the latter two as hexadecimal digits. Rows stand one after another, ``;`` between them.
"""

import struct
from collections.abc import Iterator, Sequence
from itertools import chain

from farm.load.columns import kind
from features.declare import Feature

_HEADER, _POINT = 9, 25
_HALF = 2**32


def expression(key: str, guards: Sequence[str], columns: Sequence[tuple[Feature, str]]) -> str:
    """SQL of a row's old values, a binary string; of each column the feature and the SQL of its value.

    ``guards``: SQL of the numbers that say how far the row will be.
    """
    numbers = [f"COALESCE({each}, 0)" for each in guards]
    numbers += chain.from_iterable(_halves(feature, value) for feature, value in columns if feature.width is None)
    points = [f"POINT({one}, {other})" for one, other in zip(numbers[::2], [*numbers[1::2], "0"], strict=False)]
    nulls = [f"ISNULL({value})" for _, value in columns]
    texts = [f"',', HEX(COALESCE({value}, ''))" for feature, value in columns if feature.width is not None]
    return f"CONCAT({', '.join((*points, *nulls, f'HEX({key})', *texts))})"


def lines(kept: bytes, guards: int, columns: Sequence[Feature]) -> Iterator[str]:
    """Rows of ``expression`` as lines of a CSV: the key, the guards, the columns; texts are hexadecimal.

    Every number is the same again when MariaDB reads it.
    """
    points = _points(guards, columns)
    for row in _rows(kept, points):
        numbers = chain.from_iterable(struct.unpack_from("<dd", row, at * _POINT + _HEADER) for at in range(points))
        rest = row[points * _POINT :].decode("ascii")
        nulls, (key, *texts) = rest[: len(columns)], rest[len(columns) :].split(",")
        further = [repr(next(numbers)) for _ in range(guards)]
        yield ",".join((key, *further, *_fields(columns, nulls, numbers, iter(texts))))


def number(kept: bytes, guards: int, columns: Sequence[Feature]) -> int:
    """How many rows these are; one that was cut short in its numbers does not count."""
    return sum(1 for _ in _rows(kept, _points(guards, columns)))


def _points(guards: int, columns: Sequence[Feature]) -> int:
    numbers = guards + sum(len(_halves(column, "")) for column in columns if column.width is None)
    return (numbers + 1) // 2


def _rows(kept: bytes, points: int) -> Iterator[bytes]:
    """Numbers may hold any byte, what is behind them holds no ``;``."""
    begin = 0
    while begin + points * _POINT < len(kept):
        end = kept.find(b";", begin + points * _POINT)
        end = len(kept) if end < 0 else end
        yield kept[begin:end]
        begin = end + 1


def _fields(columns: Sequence[Feature], nulls: str, numbers: Iterator[float], texts: Iterator[str]) -> Iterator[str]:
    for column, null in zip(columns, nulls, strict=True):
        if column.width is not None:
            field = next(texts)
        elif kind(column.sql) == "bigint":
            field = str(int(next(numbers)) * _HALF + int(next(numbers)))
        else:
            value = next(numbers)
            field = str(int(value)) if "int" in kind(column.sql) else repr(value)
        yield r"\N" if null == "1" else field


def _halves(column: Feature, value: str) -> tuple[str, ...]:
    """A number as doubles that hold it: a bigint takes two."""
    known = f"COALESCE({value}, 0)"
    return (f"{known} DIV {_HALF}", f"{known} MOD {_HALF}") if kind(column.sql) == "bigint" else (known,)
