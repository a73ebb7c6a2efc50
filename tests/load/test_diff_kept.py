"""A comparison of features that keep the table's value, since the run lacked what they need."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from simulated_parts import ZTF, simulate, write_part

from farm.diff.compare import _Comparison
from farm.galera import Account, Node
from farm.load import table
from farm.load.check import Parts, check_manifests, read

ACCOUNT = Account(Path("none"), "u", "p", 3306, "ztf", "lab", ("g1",), "upsert", "null", 30)


class FullNode:
    """Stands for a node whose table has rows."""

    address = "g1"

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        return [(1,)]


def test_a_zero_that_the_table_has_as_null_keeps_the_tables_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = simulate(10)
    rows.values["gmag"], rows.missing["gmag"] = np.full(10, 7.0), np.zeros(10, bool)
    write_part(tmp_path / "table", rows)
    [batch] = read(next((tmp_path / "table").glob("*.csv")), ZTF, 100)
    there = {name: each.without_zeros() for name, each in batch.values.items()}
    rows.values["gmag"] = np.zeros(10)
    write_part(tmp_path / "parts", rows, range=None)
    monkeypatch.setattr(table, "columns", lambda *_: [(each.name, each.sql) for each in ZTF.columns])
    monkeypatch.setattr(table, "lookup", lambda *_: (there, list(range(10))))
    monkeypatch.setattr(Parts, "unknown", ("gmag",))
    found = _Comparison(check_manifests(tmp_path / "parts"), ACCOUNT, cast(Node, FullNode()), 3).run()
    assert (found.changed, found.unchanged) == (0, 10)
