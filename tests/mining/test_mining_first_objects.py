"""A function tried on the first objects of a table, and over files without one."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from command import ROOT
from memory_table import MemoryTable

from features import survey
from features.errors import InputError
from features.mining import script
from features.mining.__main__ import main
from features.mining.guard import Guard
from features.mining.job import Job, Limits
from features.mining.mine import reading_of, trial
from features.rebuild import rebuild
from features.rebuild.pages import FIRST_TOKEN, LAST_TOKEN, Range

PAGE = ROOT / "docs" / "mining.md"
SCRIPT = """
import time

import numpy as np

from features.mining import batch, light_curve

@batch(columns="jd")
def slow(curves):
    time.sleep(0.05 * len(curves))
    yield {"n": curves.segments.count}

@batch(columns="jd", schema={"n": "int64"})
def never_fits(curves):
    yield {"n": curves.segments.count + 0.5}

calls = []

@light_curve(columns="jd")
def late(curve):
    calls.append(curve.id)
    yield {"n": 1 if len(calls) < 150 else 1.5}

@light_curve(columns="jd")
def counts(curve):
    yield {"n": len(curve)}
"""


def tried(folder: Path, function: str, objects: int = 300, seconds: float | None = None) -> dict[str, Any]:
    file = folder / "own.py"
    file.write_text(SCRIPT)
    ztf, held = survey("ztf"), MemoryTable({f"ZTF18{number:07d}": 3 for number in range(objects)})
    job = Job(file.name, function, script.digest(file), "ztf", "all", "parquet", Limits(30.0, 1 << 30, 1000))
    with Guard(job, folder, ztf.key.name, ztf.key.dtype) as guard:
        guard.until = None if seconds is None else time.monotonic() + seconds
        whole = Range(FIRST_TOKEN, LAST_TOKEN)
        return trial(held, reading_of(ztf, guard.columns), job, guard, whole, objects, rebuild.Limits(page=60))


def test_of_a_function_that_takes_long_for_many_a_trial_has_done_some(tmp_path: Path) -> None:
    told = tried(tmp_path, "slow", seconds=2.0)
    assert 11 <= told["objects"] == told["yielded"] < 300
    assert told["types"] == {"n": "int64"}


def test_where_the_time_is_over_before_one_is_done_a_trial_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="slow was not done with one light curve in the time that a trial has"):
        tried(tmp_path, "slow", seconds=-1.0)


def test_a_trial_counts_every_object_whose_values_do_not_fit(tmp_path: Path) -> None:
    told = tried(tmp_path, "never_fits")
    assert (told["objects"], told["failed"], told["yielded"], told["bytes"]) == (300, 300, 0, 0)
    assert [kind["count"] for kind in told["errors"]] == [300]


def test_a_trial_infers_types_of_all_its_objects_whatever_pages_they_come_in(tmp_path: Path) -> None:
    told = tried(tmp_path, "late")
    assert (told["objects"], told["failed"], told["types"]) == (300, 0, {"n": "float64"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own.py").write_text(SCRIPT)
    names = np.repeat([f"ZTF18{number:07d}" for number in range(600)], 2)
    jd = np.arange(len(names), dtype=float)
    pandas.DataFrame({"objectid": names, "jd": jd, "candid": np.arange(len(names)), "magpsf": 17.5}).to_parquet(
        tmp_path / "c.parquet"
    )
    return tmp_path


def locally(folder: Path, *words: str, function: str = ":counts", out: str = "out.parquet") -> int:
    table = f"--table=candidates={folder / 'c.parquet'}"
    return main([f"{folder / 'own.py'}{function}", table, "--out", str(folder / out), *words])


def test_the_batch_of_the_page_is_one_that_runs(folder: Path) -> None:
    (text,) = (block for block in PAGE.read_text().split("```python\n")[1:] if "def summary" in block)
    (folder / "own.py").write_text(text.partition("```")[0])
    limits = pandas.DataFrame({"objectid": ["ZTF180000001"] * 2, "jd": [0.0, 1.0], "diffmaglim": [19.5, 20.5]})
    limits.to_parquet(folder / "n.parquet")
    assert locally(folder, f"--table=noncandidates={folder / 'n.parquet'}", function=":summary") == 0
    found = pandas.read_parquet(folder / "out.parquet").set_index("objectId")
    assert found.loc["ZTF180000001"].tolist() == [2, 17.5, 1.0, 20.5]
    assert np.isnan(found.loc["ZTF180000002", "deepest_limit"])


def test_files_are_mined_into_one_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert locally(folder) == 0
    assert capsys.readouterr().out == "600 rows of 600 objects, 0 failed\n"
    assert pandas.read_parquet(folder / "out.parquet").n.tolist() == [2] * 600


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"out": "out.txt"}, "is no file for rows: name one that ends in .parquet or .csv"),
        ({"out": ""}, "is no file for rows"),
        ({"function": ""}, "is not SCRIPT.py:FUNCTION"),
        ({"words": ("--survey", "nowhere")}, "invalid choice: 'nowhere'"),
        ({"out": "own.py/out.parquet"}, "own.py/out.parquet cannot be written: "),
        ({"out": "nosuch/out.parquet"}, "nosuch/out.parquet cannot be written: there is no folder "),
        ({"words": ("--table", "nosuch=x.parquet")}, "no table nosuch: the survey ztf has candidates, noncandidates"),
        ({"function": ":nowhere"}, "has no function nowhere"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], given: dict[str, Any], said: str
) -> None:
    words = given.pop("words", ())
    try:
        code = locally(folder, *words, **given)
    except SystemExit as ended:
        code = int(ended.code or 0)
    told = capsys.readouterr().err
    assert code != 0
    assert said in told
    assert "Traceback" not in told
    assert not (folder / "nosuch").exists()


def test_what_is_no_regular_file_stays_and_a_link_is_followed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(folder / "fifo.csv")
    assert locally(folder, out="fifo.csv") == 17
    assert "fifo.csv cannot be written: it is there and no regular file" in capsys.readouterr().err
    assert (folder / "fifo.csv").is_fifo()
    (folder / "elsewhere").mkdir()
    (folder / "link.parquet").symlink_to("elsewhere/rows.parquet")
    assert locally(folder, out="link.parquet") == 0
    assert (folder / "link.parquet").is_symlink()
    assert len(pandas.read_parquet(folder / "elsewhere" / "rows.parquet")) == 600


def test_a_name_that_is_a_folder_is_no_file_for_rows(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "out.parquet").mkdir()
    with pytest.raises(SystemExit):
        locally(folder)
    assert "is no file for rows" in capsys.readouterr().err


def test_a_full_disk_behind_the_output_is_a_sentence(folder: Path) -> None:
    words = [sys.executable, "-m", "features.mining", f"{folder / 'own.py'}:counts",
             f"--table=candidates={folder / 'c.parquet'}", f"--out={folder / 'out.parquet'}"]  # fmt: skip
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        quiet = subprocess.run(words, stdout=full, stderr=full, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (
        17,
        "the output cannot be written (No space left on device): make room there, or write elsewhere\n",
    )
    assert quiet.returncode == 17
    assert len(pandas.read_parquet(folder / "out.parquet")) == 600
