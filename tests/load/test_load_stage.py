"""Staging at a server that gives up a step now and then, as one does whose table is being changed."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from simulated_parts import ZTF

from farm.errors import GaleraError, PartsError
from farm.galera import ConflictError, Node
from farm.load import stage
from farm.load.sql import Merge, Statements
from farm.load.stage import File, Group

SQL: Merge = Statements(ZTF, True, "zero")
GROUP = Group((File(Path("a.csv"), 3), File(Path("b.csv"), 4)), 0)


@dataclass
class Server:
    """A node with a staging table; ``trouble``: what its next statements end with."""

    trouble: list[Exception | None] = field(default_factory=list)
    there: bool = False
    rows: int = 0
    committed: int = 0

    def _statement(self) -> None:
        if self.trouble and (error := self.trouble.pop(0)):
            raise error

    def execute(self, sql: str, values: Any = ()) -> int:
        assert sql == SQL.stage
        self._statement()
        assert not self.there, "the table exists already"
        self.there = True
        return 0

    def load(self, sql: str, file: Path) -> int:
        self._statement()
        rows = 3 if file.name == "a.csv" else 4
        self.rows += rows
        return rows

    def commit(self) -> None:
        self._statement()
        self.committed = self.rows

    def rollback(self) -> None:
        self.rows = self.committed


def staged(server: Server) -> Server:
    stage._stage(cast(Node, server), SQL, GROUP)
    return server


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farm.load.stage.time.sleep", lambda seconds: None)


@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_a_conflict_is_met_by_staging_again(at: int) -> None:
    """At the table's making, its first and its second file, and their commit."""
    server = staged(Server([*[None] * at, ConflictError("deadlock"), ConflictError("deadlock")]))
    assert (server.there, server.committed) == (True, 7)


def test_conflicts_without_end_are_a_sentence() -> None:
    with pytest.raises(GaleraError, match=r"staging met 12 conflicts \(deadlock\)") as raised:
        staged(Server([ConflictError("deadlock")] * 100))
    assert not isinstance(raised.value, PartsError)


def test_another_error_is_the_files() -> None:
    with pytest.raises(PartsError, match=r"a\.csv cannot be staged"):
        staged(Server([None, GaleraError("Data truncated")]))
