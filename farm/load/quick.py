"""A part read by Arrow: the values of ``check.read`` in a tenth of its time, or nothing where that is not certain.

Whatever Arrow might take more kindly than ``check.read`` does (quotes within a field, blanks around a number,
hexadecimal numbers, a carriage return, a NULL that is not allowed) is left to ``check.read``, which names the line.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

from farm.load.columns import FLT_MAX, INTEGERS, Values, kind
from features.declare import Feature, Survey
from features.schema import header

_UNSURE = ((b"\r", b"\r"), (b"\0", b"\0"), (b"\t", b"\t"), (b"x", b"0x"), (b"X", b"0X"), (b"U", b"NULL"))
"""A byte that is looked for first, since that is ten times faster, and what must not be there."""
_NUMBER = b"0123456789+-.eE"
_UNSTORABLE = r"[\x00-\x1f\x7f]|[^\x{0}-\x{FFFF}]"
_WHOLE = {8: pa.int8(), 16: pa.int16(), 32: pa.int32(), 64: pa.int64()}


def columns(data: bytes, survey: Survey, null: str) -> dict[str, Values] | None:
    """The columns of a CSV; None where a careful reader must decide."""
    types = {column.name: _type(column) for column in survey.columns}
    first = ",".join(header(survey)).encode() + b"\n"
    if not (data.startswith(first) and data.endswith(b"\n") and _sure(data, len(first))):
        return None
    options = csv.ReadOptions(column_names=list(types), skip_rows=1)
    convert = csv.ConvertOptions(column_types=types, null_values=[null], strings_can_be_null=True)
    parse = csv.ParseOptions(ignore_empty_lines=False)
    try:
        table = csv.read_csv(pa.BufferReader(data), options, parse, convert)
    except pa.ArrowInvalid:
        return None
    found = {}
    for column in survey.columns:
        values = _values(column, table[column.name].combine_chunks(), column is survey.key)
        if values is None:
            return None
        found[column.name] = values
    return found


def _sure(data: bytes, at: int) -> bool:
    """Whether Arrow and ``check.read`` see the same fields behind ``at``, and the same numbers in them."""
    if any(data.find(byte, at) >= 0 and data.find(whole, at) >= 0 for byte, whole in _UNSURE):
        return False
    if b'"' not in data:
        return _blanks_in_text(data)
    pieces = data.split(b'"')
    outside, inside = pieces[::2], pieces[1::2]
    return (
        _quoted_whole(outside, inside)
        and _blanks_in_text(b'"'.join(outside))
        and not any(b" " in each and not each.strip(b" " + _NUMBER) for each in inside)
    )


def _blanks_in_text(bare: bytes) -> bool:
    """Whether each blank stands alone within a field, so that it is not one that Arrow takes from a number."""
    pieces = bare.split(b" ")
    return all(one[-1:] not in b",\n" for one in pieces[:-1]) and all(one[:1] not in b",\n" for one in pieces[1:])


def _quoted_whole(outside: list[bytes], inside: list[bytes]) -> bool:
    """Whether quotes stand around whole fields of one line, or doubled within these."""
    return (
        len(outside) > len(inside)
        and outside[0][-1:] in b",\n"
        and outside[-1][:1] in (b",", b"\n")
        and all(not each or (each[:1] in b",\n" and each[-1:] in b",\n") for each in outside[1:-1])
        and not any(b"\n" in each for each in inside)
    )


def _type(column: Feature) -> Any:
    if column.width is not None:
        return pa.string()
    bits = INTEGERS.get(kind(column.sql))
    return _WHOLE[32 if bits == 24 else bits] if bits else pa.float64()


def _values(column: Feature, found: Any, key: bool) -> Values | None:
    null = _array(found.is_null().cast(pa.uint8()), np.bool_)
    if column.null == "never" and found.null_count:
        return None
    if column.width is not None:
        texts = _texts(found, column.width)
        if key and texts is not None and pc.any(pc.match_substring_regex(texts, "[^!-~]")).as_py():
            return None
        if texts is None:
            return None
        objects = np.empty(len(texts), object)
        objects[:] = texts.to_pylist()
        return Values(objects, null)
    data = np.where(null, 0, _array(found, found.type.to_pandas_dtype()))
    if kind(column.sql) == "float":
        return Values(data.astype(np.float32), null) if (np.abs(data) <= FLT_MAX).all() else None
    if data.dtype != np.float64:
        data = data.astype(np.int64)
        if kind(column.sql) == "mediumint" and (np.abs(data) >= 2**23).any():
            return None
    return Values(data, null) if np.isfinite(data).all() else None


def _array(found: Any, dtype: Any) -> NDArray[Any]:
    """An array as it lies in memory. Arrow's ``to_numpy`` and ``fill_null`` would import pandas first, for 0.2 s."""
    data = np.frombuffer(found.buffers()[1], dtype) if len(found) else np.empty(0, dtype)
    return data[found.offset : found.offset + len(found)]


def _texts(found: Any, width: int) -> Any:
    """Without what the CSV escapes; None where the table might not hold them as they are."""
    if pc.any(pc.match_substring(found, "\\")).as_py():
        if pc.any(pc.match_substring(pc.replace_substring(found, "\\\\", ""), "\\")).as_py():
            return None
        found = pc.replace_substring(found, "\\\\", "\\")
    if pc.any(pc.match_substring_regex(found, _UNSTORABLE)).as_py():
        return None
    lengths = pc.min_max(pc.utf8_length(found)).as_py()
    return None if lengths["min"] is not None and (lengths["min"] < 1 or lengths["max"] > width) else found
