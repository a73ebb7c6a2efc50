"""The keys of a table whose collation takes for one name what are two."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from simulated_parts import ZTF, plain, write_part

from farm.diff import compare as comparing
from farm.errors import GaleraError
from farm.galera import Account, Node
from farm.load.check import check_manifests
from farm.load.packed import POINT, halves
from farm.load.table import lookup

READ = [("objectId", "varchar(16)"), ("jdmax", "double")]
NULL = bytes(POINT) + b"1"
"""What is packed of a row whose one number is NULL."""


@dataclass
class Table:
    """A node whose table has these names, all else NULL; a query by keys finds those that begin with LT."""

    names: list[str]
    address: str = "g1"

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return [(column.name, column.sql) for column in ZTF.columns] if "information_schema" in sql else [(1,)]

    def texts(self, sql: str, values: Sequence[Any] = (), size: int = 0) -> Iterator[list[tuple[Any, ...]]]:
        if values == ():
            yield [(name.encode(),) for name in self.names]
            return
        numbers = [column.sql for column in ZTF.columns if column.width is None]
        doubles = sum(len(halves(each, "")) for each in numbers)
        packed = bytes((doubles + 1) // 2 * POINT) + b"1" * len(numbers)
        texts = len(ZTF.columns) - len(numbers) - 1
        yield [(packed, name.encode(), *[None] * texts) for name in self.names if name[:2] in ("LT", "lt")]


@pytest.mark.parametrize("name", ["LT0000003", "lt0000003", "LT0000003  ", "L\u0301T0000003", "\uff2cT0000003"])
def test_a_row_is_found_under_the_name_that_the_table_has(name: str) -> None:
    node = Table([name])
    node.texts = lambda *_: iter([[(NULL, name.encode())]])  # type: ignore[method-assign]
    found, there = lookup(cast(Node, node), "objectId", READ, ["LT0000002", "LT0000003"])
    assert (found["objectId"].data.tolist(), there) == ([name], [1])


def test_a_row_under_a_name_that_only_the_server_understands_is_a_sentence() -> None:
    node = Table([])
    node.texts = lambda *_: iter([[(NULL, b"L\x01T3")]])  # type: ignore[method-assign]
    with pytest.raises(GaleraError, match=r"g1 takes the object 'L\\x01T3' of table objects for one of the run's"):
        lookup(cast(Node, node), "objectId", READ, ["LT3"])


def test_a_comparison_counts_rows_of_odd_names_once(tmp_path: Path) -> None:
    write_part(tmp_path, plain(3))
    node = Table(["LT0000000 ", "lt0000001", "LT000000\u03022", "", " ", "XX1 "])
    account = cast(Account, type("Account", (), {"database": "ztf", "user": "u", "window": 30, "zeros": "zero"}))
    found = comparing._Comparison(check_manifests(tmp_path), account, cast(Node, node), 5).run()
    assert (found.new, found.rows, found.gone, found.gone_objects) == (0, 3, 3, ("", " ", "XX1 "))
