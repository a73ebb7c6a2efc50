"""Numbers that the server packs, and unpacked again."""

import numpy as np
import pytest
from conftest import Own

from farm.galera import connect, read_account
from farm.load.packed import is_number, pack, unpack

TYPES = ["double", "float", "bigint(20)", "int(11)"]
ROWS = [
    (0.1, np.float32(0.1), -(2**63), -5),
    (5e-324, np.float32(3.40282346e38), 2**63 - 1, 2**31 - 1),
    (-1.7976931348623157e308, None, 3198_223_344_556_677_889, None),
    (None, np.float32(1e-45), None, 0),
]


def literal(value: float | None) -> str:
    """A number in SQL, a single one with the digits of a double."""
    return "NULL" if value is None else repr(value if isinstance(value, int) else float(value))


@pytest.mark.lab
def test_what_the_server_packed_is_the_same_to_the_last_bit(own: Own) -> None:
    columns = ", ".join(f"c{at} {sql}" for at, sql in enumerate(TYPES))
    rows = ", ".join(f"({', '.join(map(literal, row))})" for row in ROWS)
    own.sql(f"CREATE TABLE packed (id INT AUTO_INCREMENT PRIMARY KEY, {columns})")
    try:
        own.sql(f"INSERT INTO packed (c0, c1, c2, c3) VALUES {rows}")
        with connect(read_account(own.option_file())) as node:
            node.execute("SET SESSION wsrep_sync_wait = 1")
            sql = pack([(f"c{at}", sql) for at, sql in enumerate(TYPES)])
            (found,) = node.texts(f"SELECT {sql} FROM packed ORDER BY id")
    finally:
        own.sql("DROP TABLE packed")
    values = unpack(TYPES, [bits for (bits,) in found])
    assert [each.data.dtype for each in values] == [np.float64, np.float32, np.int64, np.int64]
    assert [tuple(None if each.null[at] else each.data[at] for each in values) for at in range(len(ROWS))] == ROWS


def test_of_no_row_there_are_no_numbers() -> None:
    assert [len(each.data) for each in unpack(TYPES, [])] == [0, 0, 0, 0]


def test_the_sql_has_a_point_for_two_doubles_and_a_digit_for_each_number() -> None:
    assert pack([("`a`", "double"), ("`b`", "bigint(20)")]) == (
        "CONCAT(POINT(COALESCE(`a`, 0), COALESCE(`b`, 0) DIV 4294967296), POINT(COALESCE(`b`, 0) MOD 4294967296, 0),"
        " ISNULL(`a`), ISNULL(`b`))"
    )


def test_what_no_double_holds_is_no_number_to_pack() -> None:
    assert [is_number(sql) for sql in ("bigint(20)", "bigint(20) unsigned", "decimal(10,2)", "varchar(16)")] == [
        True, False, False, False,
    ]  # fmt: skip
