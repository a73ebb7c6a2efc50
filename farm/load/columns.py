"""Columns of text as the values that a column of an SQL type holds, and how two such columns differ. Pure."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Field = str | bytes | bytearray | None
"""One field as text; None is NULL."""

INTEGERS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}
"""SQL types of whole numbers, and their bits."""
FLT_MAX = float(np.finfo(np.float32).max)
"""Above it, in double precision, the server refuses a FLOAT, also what would round to it."""
_CONTROL = frozenset(map(chr, (*range(32), 127)))
_KEY = re.compile("[!-~]+")
_NUMBER = b"0123456789+-.eE"
"""Of these alone, what is a number to Python is one to the server: no blanks, no 1_000, no digits of other scripts."""


class BadFieldError(ValueError):
    """A field that its column cannot hold: ``row`` within what was given, and why."""

    def __init__(self, row: int, why: str) -> None:
        super().__init__(why)
        self.row = row
        self.why = why


@dataclass(frozen=True, eq=False)
class Values:
    """``data``: n values, float64 (SQL double), float32 (float), int64 (integers) or objects (str); ``null``: n bools.

    What stands in ``data`` where ``null`` is set has no meaning.
    """

    data: NDArray[Any]
    null: Bools

    def without_zeros(self) -> "Values":
        """The same with NULL in place of zero."""
        return self if self.data.dtype == object else Values(self.data, self.null | (self.data == 0))

    def filled(self, old: "Values") -> "Values":
        """The same with the old value where it is NULL."""
        return Values(np.where(self.null, old.data, self.data), self.null & old.null)

    def take(self, rows: Sequence[int] | slice) -> "Values":
        """Some of the values."""
        return Values(self.data[rows], self.null[rows])

    def at(self, row: int) -> str:
        """One value, as a message prints it."""
        return "NULL" if self.null[row] else str(self.data[row])


def kind(sql: str) -> str:
    """The SQL type without its width."""
    return sql.lower().partition("(")[0].split()[0]


def parse(sql: str, texts: Sequence[Field]) -> Values:
    """The values of a column of SQL type ``sql``. Raises BadFieldError for the first text that is not one."""
    null = np.array([text is None for text in texts]) if None in texts else np.zeros(len(texts), bool)
    known = kind(sql)
    if known in ("double", "float"):
        return Values(_reals(texts, null, known), null)
    if known in INTEGERS:
        return Values(_integers(texts, null, INTEGERS[known]), null)
    values = np.empty(len(texts), dtype=object)
    values[:] = [bytes(text).decode() if isinstance(text, bytes | bytearray) else text for text in texts]
    return Values(values, null)


def require_storable(sql: str, values: Values) -> None:
    """Raises BadFieldError for the first text that a column of type ``sql`` would not hold as it is."""
    width = int(sql.partition("(")[2].rstrip(")"))
    for row in np.flatnonzero(~values.null).tolist():
        if why := _wrong_text(values.data[row], width):
            raise BadFieldError(row, why)


def require_keys(values: Values) -> None:
    """Raises BadFieldError for the first text that is not the name of an object: printable ASCII without blanks.

    The table's collation tells such names apart as soon as they differ in more than case; of others it passes over
    accents and blanks at the end.
    """
    if not all(map(_KEY.fullmatch, values.data.tolist())):
        row = next(row for row, key in enumerate(values.data.tolist()) if not _KEY.fullmatch(key))
        raise BadFieldError(row, f"{_show(values.data[row])} is not the name of an object: ASCII without blanks")


def differing(one: Values, other: Values) -> Bools:
    """Where two columns of one type hold different values. Zero and minus zero are equal, as SQL has it."""
    found: Bools = (one.null != other.null) | (~one.null & ~other.null & (one.data != other.data))
    return found


def distance(one: Values, other: Values, row: int) -> float:
    """How far two differing values are apart, relative to the larger one; infinite for text, and for NULL."""
    if one.null[row] or other.null[row] or one.data.dtype == object:
        return float("inf")
    a, b = float(one.data[row]), float(other.data[row])
    return abs(a - b) / max(abs(a), abs(b))


def _reals(texts: Sequence[Field], null: Bools, known: str) -> NDArray[Any]:
    values = np.fromiter(_converted(float, texts, null), np.float64, len(texts))
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        raise BadFieldError(row, f"{_show(texts[row])} is not a finite number")
    if known == "double":
        return values
    if (beyond := np.abs(values) > FLT_MAX).any():
        row = int(np.flatnonzero(beyond)[0])
        raise BadFieldError(row, f"{_show(texts[row])} is beyond the range of float")
    return values.astype(np.float32)


def _integers(texts: Sequence[Field], null: Bools, bits: int) -> NDArray[Any]:
    values = _converted(int, texts, null)
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    if values and (min(values) < low or max(values) > high):
        row = next(row for row, value in enumerate(values) if not low <= value <= high)
        raise BadFieldError(row, f"{_show(texts[row])} is beyond the range of an integer of {bits} bits")
    return np.array(values, dtype=np.int64)


def _converted(convert: Callable[[Any], Any], texts: Sequence[Field], null: Bools) -> list[Any]:
    """Every text as a number, 0 where it is NULL."""
    filled = ["0" if text is None else text for text in texts] if null.any() else texts
    try:
        return _numbers(convert, filled)
    except ValueError:
        for row, text in enumerate(filled):
            try:
                _numbers(convert, [text])
            except ValueError:
                what = "a whole number" if convert is int else "a number"
                raise BadFieldError(row, f"{_show(text)} is not {what}" if text else "it is empty") from None
        raise


def _numbers(convert: Callable[[Any], Any], texts: Sequence[Any]) -> list[Any]:
    """Raises ValueError where a text is not a number as both Python and the server have it."""
    every = b"".join(text.encode() if isinstance(text, str) else text for text in texts)
    if every.translate(None, _NUMBER):
        raise ValueError
    return list(map(convert, texts))


def _wrong_text(text: str, width: int) -> str | None:
    if not text:
        return "it is empty"
    if len(text) > width:
        return f"{_show(text)} has {len(text)} characters, and the column holds {width}"
    if not _CONTROL.isdisjoint(text):
        return f"{_show(text)} has a control character"
    if max(text) > "\uffff":
        return f"{_show(text)} has a character that the table's utf8 lacks"
    return None


def _show(text: Field) -> str:
    shown = bytes(text).decode(errors="replace") if isinstance(text, bytes | bytearray) else str(text)
    return repr(shown if len(shown) <= 40 else shown[:40] + "…")
