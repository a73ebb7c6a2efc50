"""Files that are written beside their place and renamed to it: what else may stand there is not taken away."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from farm import export, metrics, runs
from farm.errors import InputError
from farm.galera import Account
from farm.journal import Journal, Task
from farm.page import render
from farm.runs import Run
from features.rebuild.part import atomic
from features.target import target

Write = Callable[[Run, Path], None]


def part(_run: Run, out: Path) -> None:
    with atomic(out) as file:
        file.write(b"x")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("FARM_HOME", str(tmp_path / "home"))
    made = runs.create("lab", "run")
    Journal.create(
        made.journal, {"begun": 1.7e9, "verb": "run", "environment": "lab", "workers": {}}, [Task("a", "true")]
    ).close()
    return made


@pytest.mark.parametrize("write", [render.write, metrics.write, part])
def test_what_is_no_regular_file_stays(run: Run, tmp_path: Path, write: Write) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("fifo")
    for name in ("fifo", "link", "home", "."):
        with pytest.raises((InputError, OSError), match="it is there and no regular file: name another one"):
            write(run, tmp_path / name)
    assert (tmp_path / "fifo").is_fifo()
    assert (tmp_path / "link").is_symlink()
    assert {each.name for each in tmp_path.iterdir()} == {"fifo", "link", "home"}


@pytest.mark.parametrize("write", [render.write, metrics.write, part])
@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_what_it_leads_to_is_written(run: Run, tmp_path: Path, write: Write, there: bool) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to("elsewhere/file")
    if there:
        (tmp_path / "elsewhere" / "file").touch()
    write(run, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "elsewhere" / "file").stat().st_size
    assert {each.name for each in (tmp_path / "elsewhere").iterdir()} == {"file"}


def test_an_export_looks_at_its_place_before_it_reads_the_table(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.parquet")
    account = Account(tmp_path, "farm_reader", "", 3306, "x", "lab", ("nowhere.invalid",), "upsert", "zero", 30)
    with pytest.raises(InputError, match=r"fifo\.parquet cannot be written: it is there and no regular file"):
        export.export(account, tmp_path / "fifo.parquet")


def test_a_link_to_itself_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="no regular file"):
        target(tmp_path / "loop")
