"""Rows of features as the CSV of a part: what LOAD DATA reads, and what the table will hold.

UTF-8, LF, no line but the header without a row. NULL is ``\\N``. A double is written by repr, a float rounded to single
precision with 9 significant digits: both read back as the same number. A value that is not finite, or that single
precision cannot hold, is NULL. Text is cut to its column's width, quoted only where it holds a comma, a quote or a line
end, or is the word NULL, which LOAD DATA reads as a missing value; a quote is doubled, and so is its escape, a
backslash.
"""

import re
from collections.abc import Iterable
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from features.batch import Rows
from features.curves import Bools
from features.declare import Feature, Survey
from features.schema import header

NULL = r"\N"
_SPECIAL = re.compile(r'[",\r\n\\]|^NULL$')
_LARGEST = 3.40282346e38
"""The largest single as it is written: rounded to 9 digits it is beyond what the server takes for a FLOAT."""


def write_header(survey: Survey, file: BinaryIO) -> None:
    """The first line of a part."""
    file.write((",".join(header(survey)) + "\n").encode())


def write_rows(rows: Rows, file: BinaryIO) -> int:
    """Write a line an object, in the order of the rows; returns how many. The header is ``write_header``'s."""
    file.write(csv_text(rows).encode())
    return len(rows)


def csv_text(rows: Rows) -> str:
    """The lines of ``rows``, without the header."""
    if not len(rows):
        return ""
    columns = [_texts(rows.survey.key, rows.object_id, np.zeros(len(rows), bool))]
    columns += [_texts(each, rows.values[each.name], rows.missing[each.name]) for each in rows.survey.features]
    return "\n".join(map(",".join, zip(*columns, strict=True))) + "\n"


def _texts(feature: Feature, values: NDArray[Any], missing: Bools) -> list[str]:
    """One column as text."""
    fields: Iterable[str]
    if feature.dtype == object:
        width = feature.width
        fields = [_quoted(str(value)[:width]) for value in values.tolist()]
    elif feature.dtype == np.int64:
        fields = map(str, values.tolist())
    elif feature.sql == "float":
        with np.errstate(over="ignore"):
            single = values.astype(np.float32)
        missing = missing | ~np.isfinite(single)
        fields = map("%.9g".__mod__, single.astype(np.float64).clip(-_LARGEST, _LARGEST).tolist())
    else:
        fields = map(repr, values.tolist())
    texts = list(fields)
    for row in np.flatnonzero(missing).tolist():
        texts[row] = NULL
    return texts


def _quoted(text: str) -> str:
    if not _SPECIAL.search(text):
        return text
    text = text.replace("\\", "\\\\").replace('"', '""')
    return f'"{text}"'
