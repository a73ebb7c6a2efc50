"""Which rows a sample reads back."""

from pathlib import Path

import pytest
from simulated_parts import plain, write_part, write_parts

from farm.load import verify
from farm.load.check import check_manifests
from farm.load.sql import LOOKUP


def sampled(folder: Path) -> list[list[str]]:
    return [batch["objectId"].data.tolist() for batch in verify._sampled(check_manifests(folder))]


@pytest.mark.parametrize(("size", "rows"), [(1, [0]), (20, [0, 19]), (41, [0, 20, 40]), (50, [0, 20, 40, 49])])
def test_a_sample_has_the_first_row_the_last_and_every_twentieth_between(
    tmp_path: Path, size: int, rows: list[int]
) -> None:
    write_part(tmp_path, plain(size))
    assert sampled(tmp_path) == [[f"LT{row:07d}" for row in rows]]


def test_a_sample_is_of_every_part(tmp_path: Path) -> None:
    write_parts(tmp_path, plain(300), 3)
    batches = sampled(tmp_path)
    assert [len(each) for each in batches] == [6, 6, 6]
    assert len({key for batch in batches for key in batch}) == 18


def test_a_part_without_rows_has_no_sample(tmp_path: Path) -> None:
    write_part(tmp_path, plain(0))
    assert sampled(tmp_path) == []


def test_a_statement_names_no_more_keys_than_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "SAMPLE", 2)
    write_part(tmp_path, plain(2 * LOOKUP + 1))
    assert [len(each) for each in sampled(tmp_path)] == [LOOKUP, 2]
