"""The bytes that SSTableFeed.java reads, read back here as that program does."""

import struct
from itertools import pairwise
from typing import Any

import numpy as np

from farm.seed.rows import END, Rows, chunk, header

COLUMNS = [("objectid", "ascii"), ("jd", "double"), ("candid", "bigint"), ("fid", "int"), ("magpsf", "float")]
LETTER = {"double": "d", "bigint": "q", "int": "i", "float": "f"}


def decode(data: bytes, columns: list[tuple[str, str]]) -> dict[str, list[Any]]:
    """A chunk as lists, None for null."""
    (count,), at = struct.unpack_from(">i", data), 4
    rows: dict[str, list[Any]] = {}
    for name, cql in columns:
        bits = "".join(f"{byte:08b}" for byte in data[at : at + (count + 7) // 8])
        at += (count + 7) // 8
        if cql in LETTER:
            values: list[Any] = list(struct.unpack_from(f">{count}{LETTER[cql]}", data, at))
            at += struct.calcsize(f">{count}{LETTER[cql]}")
        else:
            ends = struct.unpack_from(f">{count + 1}i", data, at)
            at += 4 * (count + 1)
            values = [data[at + first : at + last].decode() for first, last in pairwise(ends)]
            at += ends[-1]
        rows[name] = [None if bit == "1" else value for bit, value in zip(bits, values, strict=False)]
    assert at == len(data)
    return rows


def test_a_chunk_holds_every_value_and_every_null() -> None:
    rows: Rows = {
        "objectid": np.array([b"ZTF18aaa", b"", b"ZTF18b"] * 3),
        "jd": np.ma.array(np.arange(9) + 0.1, mask=[1, 0, 0] * 3),
        "candid": np.arange(9) - 2**62,
        "fid": np.ma.array(np.arange(9), mask=[0, 0, 1] * 3),
        "magpsf": np.full(9, 18.25),
    }
    found = decode(chunk(rows, COLUMNS, 9), COLUMNS)
    assert found["objectid"] == ["ZTF18aaa", "", "ZTF18b"] * 3
    assert found["jd"] == [None if row % 3 == 0 else row + 0.1 for row in range(9)]
    assert found["candid"] == [row - 2**62 for row in range(9)]
    assert found["fid"] == [None if row % 3 == 2 else row for row in range(9)]
    assert found["magpsf"] == [18.25] * 9


def test_a_column_that_rows_lack_is_null() -> None:
    found = decode(chunk({"jd": np.array([1.0, 2.0])}, COLUMNS, 2), COLUMNS)
    assert found == {"objectid": [None] * 2, "jd": [1.0, 2.0], "candid": [None] * 2} | {
        "fid": [None] * 2,
        "magpsf": [None] * 2,
    }


def test_a_masked_text_leaves_no_letters() -> None:
    rows: Rows = {"objectid": np.ma.array([b"abc", b"de"], mask=[True, False])}
    assert decode(chunk(rows, COLUMNS[:1], 2), COLUMNS[:1]) == {"objectid": [None, "de"]}


def test_the_header_tells_widths() -> None:
    assert struct.unpack(">6i", header([cql for _, cql in COLUMNS])) == (5, 0, 8, 8, 4, 4)
    assert struct.unpack(">i", END) == (0,)
