"""What a load says about itself, and the SQL that it is made of."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from simulated_parts import ZTF, simulate, write_part

from farm.errors import Exit
from farm.load.check import Parts, check_manifests
from farm.load.merge import Merged
from farm.load.sql import Statements, name
from farm.load.summary import exit_code, lines, summary
from farm.load.verify import Verified, Worst


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    write_part(tmp_path / "parts", simulate(10))
    return check_manifests(tmp_path / "parts")


def said(parts: Parts, mode: str = "upsert", merged: Merged | None = None, **verified: Any) -> dict[str, Any]:
    return summary(parts, mode, merged, Verified(nodes=("g2", "g3"), **verified), {"check": 1.0})


def test_a_table_that_equals_its_parts_is_right(parts: Parts) -> None:
    found = said(parts, merged=Merged(node="g1", inserted=10), equal=10)
    assert exit_code(found) is Exit.OK
    assert "  10 inserted + 0 updated + 0 unchanged + 0 guarded + 0 rejected + 0 absent = 10, at g1" in lines(found)


def test_a_summary_of_an_older_release_is_printed_too(parts: Parts) -> None:
    found = said(parts, merged=Merged(node="g1", inserted=10), equal=10)
    del found["load"]["rejected"]
    assert "  10 inserted + 0 updated + 0 unchanged + 0 guarded + 0 rejected + 0 absent = 10, at g1" in lines(found)


def test_guarded_rows_are_right_and_named(parts: Parts) -> None:
    found = said(parts, merged=Merged(unchanged=3, guarded=[f"ZTF{at}" for at in range(7)]), equal=3, guarded=7)
    assert exit_code(found) is Exit.OK
    assert "  guarded, since the table has them further: ZTF0, ZTF1, ZTF2, ZTF3, ZTF4 and 2 more" in lines(found)


def test_a_row_that_differs_is_wrong_and_the_worst_is_named(parts: Parts) -> None:
    worst = Worst("ZTF1", "gmag", "18.5", "NULL", float("inf"))
    found = said(parts, merged=Merged(inserted=10), equal=9, differing=1, columns=Counter(gmag=1), worst=worst)
    assert exit_code(found) is Exit.VERIFY
    assert found["verify"]["worst"]["distance"] is None
    assert "  worst: gmag of ZTF1 is NULL in the table, 18.5 in its part" in lines(found)


@pytest.mark.parametrize(
    ("mode", "absent", "missing", "code"),
    [("upsert", [], 1, Exit.VERIFY), ("update", ["a"], 1, Exit.OK), ("update", ["a"], 2, Exit.VERIFY)],
)
def test_rows_may_be_missing_only_where_they_were_absent(
    parts: Parts, mode: str, absent: list[str], missing: int, code: Exit
) -> None:
    found = said(parts, mode, Merged(updated=9, absent=absent), equal=10 - missing, missing=missing)
    assert exit_code(found) is code


def test_without_a_load_mode_update_allows_missing_rows(parts: Parts) -> None:
    assert exit_code(said(parts, "update", equal=4, missing=6)) is Exit.OK
    assert exit_code(said(parts, "upsert", equal=4, missing=6)) is Exit.VERIFY


def test_every_statement_names_its_columns() -> None:
    sql = Statements(ZTF, True, "null")
    for column in ZTF.columns:
        assert f"`{column.name}`" in sql.fill
        assert f"`{column.name}`" in sql.insert
    assert "*" not in (sql.fill + sql.insert + sql.update + sql.old).replace("COUNT(*)", "")


def test_only_numbers_become_null_for_zero() -> None:
    setting = Statements(ZTF, True, "null").fill.partition(") SET ")[2]
    assert setting.count("NULLIF") == sum(column.width is None for column in ZTF.features)
    assert "ssnamenr" not in setting
    assert "NULLIF" not in Statements(ZTF, True, "zero").fill


def test_a_column_that_is_kept_keeps_its_value_also_where_a_zero_becomes_null() -> None:
    sql = Statements(ZTF, True, "null", keep=("gmag",))
    gmag = next(column for column in ZTF.features if column.name == "gmag")
    assert sql.wanted(gmag) == "IF(s.`gmag` IS NULL, o.`gmag`, s.`gmag`)"
    assert sql.fill == Statements(ZTF, True, "null").fill, "so that the staging table has no zeros of it either"


def test_counts_are_compared_within_one_window_only() -> None:
    assert "ncand" in Statements(ZTF, True, "zero").guard
    assert "ncand" not in Statements(ZTF, False, "zero").guard


def test_a_name_with_quotes_is_quoted() -> None:
    assert name("a`; DROP TABLE objects; --") == "`a``; DROP TABLE objects; --`"
