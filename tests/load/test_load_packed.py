"""Numbers that a server packs: as it does it, in Python, and unpacked again."""

import struct

import numpy as np
import pytest

from farm.load.packed import HALF, is_number, pack, unpack

TYPES = ["double", "float", "bigint(20)", "int(11)"]
ROWS = [
    (0.1, np.float32(0.1), -(2**63), -5),
    (5e-324, np.float32(3.40282346e38), 2**63 - 1, 2**31 - 1),
    (-1.7976931348623157e308, None, 3198_223_344_556_677_889, None),
    (None, np.float32(1e-45), None, 0),
]


def packed(row: tuple[float | None, ...]) -> bytes:
    """What the server makes of it: its DIV goes towards zero, and MOD has the sign of what is divided."""
    real, single, big, whole = (0 if each is None else each for each in row)
    high = int(abs(big) // HALF) * (-1 if big < 0 else 1)
    doubles = [float(real), float(single), float(high), float(big - high * HALF), float(whole), 0.0]
    points = b"".join(bytes(9) + struct.pack("<dd", *doubles[at : at + 2]) for at in range(0, 6, 2))
    return points + b"".join(b"1" if each is None else b"0" for each in row)


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1], []])
def test_what_was_packed_is_the_same_to_the_last_bit(rows: list[tuple[float | None, ...]]) -> None:
    found = unpack(TYPES, [packed(row) for row in rows])
    assert [each.data.dtype for each in found] == [np.float64, np.float32, np.int64, np.int64]
    back = [tuple(None if values.null[at] else values.data[at] for values in found) for at in range(len(found[0].data))]
    assert back == rows


def test_the_sql_has_a_point_for_two_doubles_and_a_digit_for_each_number() -> None:
    assert pack([("`a`", "double"), ("`b`", "bigint(20)")]) == (
        "CONCAT(POINT(COALESCE(`a`, 0), COALESCE(`b`, 0) DIV 4294967296), POINT(COALESCE(`b`, 0) MOD 4294967296, 0),"
        " ISNULL(`a`), ISNULL(`b`))"
    )


def test_what_no_double_holds_is_no_number_to_pack() -> None:
    assert [is_number(sql) for sql in ("bigint(20)", "bigint(20) unsigned", "decimal(10,2)", "varchar(16)")] == [
        True, False, False, False,
    ]  # fmt: skip
