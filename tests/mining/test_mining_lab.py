"""farm mine on the lab: from a script to a dataset, and what is left of it."""

import json
import math
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas
import polars
import pytest
from astropy.table import Table
from command import ROOT, Ended, farm
from keyspace import admin
from light_curves import Seeded
from provisioning import answer

from farm.errors import Exit
from farm.runs import Run, every

pytestmark = pytest.mark.lab
SCRIPT = """
from features.mining import batch, light_curve

@light_curve(columns="jd magpsf fid")
def brightest(curve):
    print("looking at", curve.id)
    if len(curve) == 1:
        raise ValueError("one detection is no light curve")
    yield {"n": len(curve), "faintest": curve["magpsf"].max(), "bands": sorted(set(curve["fid"].tolist()))}

@batch(columns="jd")
def lengths(curves):
    yield {"n": curves.segments.count}
"""

SLOW = """
import subprocess, time
from features.mining import light_curve

@light_curve(columns="jd")
def slow(curve):
    subprocess.Popen(["sleep", "271.5"], start_new_session=True)
    time.sleep(50)
    yield {"n": len(curve)}
"""

JOINED = """
from features.mining import light_curve

@light_curve(
    columns="jd noncandidates.diffmaglim forcedphot.forcediffimflux",
    schema={"n": "int64", "limits": "list<float64>", "flux": "list<float64>"},
)
def joined(curve):
    limits, flux = curve["noncandidates.diffmaglim"], curve["forcedphot.forcediffimflux"]
    yield {"n": len(curve), "limits": limits.tolist(), "flux": flux.tolist()}
"""


@dataclass(frozen=True)
class Mined:
    ended: Ended
    script: Path
    out: Path

    @property
    def provenance(self) -> dict[str, Any]:
        return dict(json.loads(self.out.with_name(f"{self.out.name}.provenance.json").read_text()))


def mine(script: Path, function: str, out: Path, *options: str) -> Mined:
    return Mined(farm("mine", f"{script}:{function}", "--out", str(out), *options), script, out)


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("mining") / "own.py"
    file.write_text(SCRIPT)
    return file


@pytest.fixture(scope="module")
def mined(seeded: Seeded, script: Path) -> Mined:
    options = ("--window", "all", "--max-errors", "100000", "--ranges", "8", "--json")
    return mine(script, "brightest", script.parent / "brightest", *options)


def test_the_dataset_is_one_table_to_pandas_polars_and_duckdb(mined: Mined, seeded: Seeded) -> None:
    assert mined.ended.code == 0, mined.ended.stderr
    table = pandas.read_parquet(mined.out)
    told = mined.provenance
    assert len(table) == told["rows"] == seeded.objects - told["failed"]
    assert table.n.sum() + told["failed"] == seeded.rows
    assert table.objectId.is_unique
    assert len(polars.read_parquet(mined.out)) == len(table)
    ((rows, bands),) = duckdb.sql(f"SELECT count(*), max(len(bands)) FROM '{mined.out}/*.parquet'").fetchall()
    assert (rows, bands > 1) == (len(table), True)


def test_errors_stand_once_a_kind_with_their_number_and_traceback(mined: Mined) -> None:
    told = mined.provenance
    assert told["failed"] > 0
    (kind,) = told["errors"]
    assert (kind["count"], kind["kind"]) == (told["failed"], "ValueError, own.py line 8")
    assert "one detection is no light curve" in kind["traceback"]
    assert mined.ended.json()["dataset"] == told


def test_provenance_says_what_was_computed_by_which_code_and_over_what(mined: Mined) -> None:
    told = mined.provenance
    assert told["source"] == SCRIPT
    assert (told["function"], told["window"], told["sample"]) == ("brightest", "all", 1.0)
    assert told["columns"] == ["jd", "magpsf", "fid"]
    assert told["types"] == {"n": "int64", "faintest": "float64", "bands": "list<int64>"}
    assert len(told["release"]) == len(told["digest"]) == 64
    assert told["parts"].keys() == {path.name for path in mined.out.iterdir()}


def test_nothing_of_the_run_is_left_on_a_worker(mined: Mined) -> None:
    run = mined.ended.json()["run"]
    for host in ("w1", "w2", "w3", "w4"):
        assert answer(host, f"ls -d /var/lib/farm/runs/{run} /var/lib/farm/runs/trial-* 2>/dev/null || true") == ""


def test_a_sample_is_the_same_objects_each_time_in_one_file_or_as_csv(seeded: Seeded, script: Path) -> None:
    options = ("--sample", "20%", "--limit", "w1,w2", "--single-file")
    first = mine(script, "lengths", script.parent / "sample.parquet", *options)
    again = mine(script, "lengths", script.parent / "sample.csv", *options, "--csv", "--slots", "1")
    assert (first.ended.code, again.ended.code) == (0, 0), first.ended.stderr + again.ended.stderr
    whole = Table.read(first.out)
    assert sorted(whole["objectId"]) == sorted(pandas.read_csv(again.out).objectId)
    assert 0.1 * seeded.objects < len(whole) < 0.3 * seeded.objects
    assert first.provenance["sample"] == 0.2


def test_a_run_ends_where_more_objects_fail_than_may(seeded: Seeded, script: Path) -> None:
    out = script.parent / "none"
    ended = mine(script, "brightest", out, "--window", "all", "--max-errors", "2", "--limit", "w1").ended
    assert ended.code == Exit.RUN
    assert "one detection is no light curve" in ended.stderr
    assert "Traceback (" not in ended.stderr
    assert not list(out.parent.glob("*none*"))


def test_a_dry_run_says_what_the_whole_will_be_and_leaves_no_run(seeded: Seeded, script: Path) -> None:
    before = every("lab")
    told = farm("mine", f"{script}:lengths", "--dry-run", "--sample", "100", "--json").json()
    assert told["trial"]["objects"] == 100
    assert 0.6 * seeded.objects < told["estimate"]["objects"] < 1.6 * seeded.objects
    assert told["estimate"]["seconds"] > 0 < told["estimate"]["bytes"]
    assert every("lab") == before


def test_a_dry_run_shows_what_the_function_prints(seeded: Seeded, script: Path) -> None:
    said = farm("mine", f"{script}:brightest", "--dry-run", "--sample", "10", "--out", str(script.parent / "a" / "b"))
    assert said.code == 0, said.stderr
    assert said.stdout.count("looking at ZTF") == 10
    assert not (script.parent / "a").exists()


def test_a_trial_ends_with_its_head_and_nothing_of_it_is_left(seeded: Seeded, tmp_path: Path) -> None:
    script = tmp_path / "slow.py"
    script.write_text(SLOW)
    words = [
        Path(sys.executable).with_name("farm"),
        "mine",
        f"{script}:slow",
        "--out",
        tmp_path / "out",
        "--limit",
        "w1",
    ]
    head = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    left = "ls -d /var/lib/farm/runs/trial-* 2>/dev/null; pgrep -f '[s]leep 271.5'; pgrep -f '[m]ine_objects'; true"

    def soon(ended: bool) -> str:
        until = time.monotonic() + 40
        while (ended == bool(found := answer("w1", left))) and time.monotonic() < until:
            time.sleep(0.2)
        return found

    try:
        assert "trial-" in soon(ended=False)
        time.sleep(3)  # the function is at work
        assert answer("w1", "pgrep -f '[s]leep 271.5'")
    finally:
        head.kill()
        head.wait()
    assert soon(ended=True) == ""


STAR, PERIOD, DETECTIONS = "ZTF99variable", 2.7183, 120


@pytest.fixture
def variable(seeded: Seeded) -> Iterator[None]:
    """A star of known period among the light curves."""
    columns = "objectid, jd, candid, fid, magpsf, sigmapsf, magnr, isdiffpos"
    with admin() as table:
        try:
            for number in range(DETECTIONS):
                jd = 2459000.7 + 3 * number + 0.3 * math.sin(number)
                change = 0.3 * math.sin(2 * math.pi * jd / PERIOD)
                magnitude, sign = 15 - 2.5 * math.log10(abs(change)), "t" if change > 0 else "f"
                values = f"'{STAR}', {jd}, {number}, 1, {magnitude}, 0.02, 15.0, '{sign}'"
                table.execute(f"INSERT INTO lasair.candidates ({columns}) VALUES ({values})")
            yield
        finally:
            table.execute(f"DELETE FROM lasair.candidates WHERE objectid = '{STAR}'")


def test_packages_of_a_script_are_there_for_its_run_alone(variable: None, tmp_path: Path) -> None:
    out = tmp_path / "periods"
    ended = mine(ROOT / "examples" / "periods.py", "period", out, "--window", "all", "--limit", "w1").ended
    assert ended.code == 0, ended.stderr
    told, found = Mined(ended, out, out).provenance, pandas.read_parquet(out).set_index("objectId")
    assert len(found) == told["rows"] >= 1
    assert abs(found.loc[STAR, "period"] / PERIOD - 1) < 1e-3
    assert told["requirements"] == ["light-curve>=0.10"]
    assert all(len(digest) == 64 for digest in told["packages"].values())
    assert any(name.startswith("light_curve-") for name in told["packages"])
    assert told["failed"] == 0
    assert answer("w1", "/opt/farm/current/bin/python -c 'import light_curve' 2>&1 || true").count(
        "ModuleNotFoundError"
    )


def test_a_script_that_cannot_be_imported_ends_before_a_run(seeded: Seeded, tmp_path: Path) -> None:
    script, before = tmp_path / "broken.py", every("lab")
    script.write_text("import nowhere_at_all\n")
    ended = mine(script, "f", tmp_path / "out").ended
    assert ended.code == Exit.INPUT
    assert "nowhere_at_all" in ended.stderr
    assert every("lab") == before


def over_ranges(*words: str) -> dict[str, Path]:
    """The outputs of each task of ``farm run --over-ranges``, which must end well."""
    told = farm("run", "--json", *words[1:]).json()
    assert told["submitted"] == told["done"] == int(words[words.index("--over-ranges") + 1])
    return {folder.name: folder for folder in (Run("lab", told["run"]).folder / "outputs").iterdir()}


def test_a_command_runs_over_ranges(provisioned: None) -> None:
    command = 'echo {low} {high} >"$FARM_OUT/range.txt"'
    found = over_ranges("run", "--over-ranges", "5", "--fetch", "*.txt", "--", command)
    ranges = [tuple(map(int, (folder / "range.txt").read_text().split())) for folder in found.values()]
    lows, highs = zip(*sorted(ranges), strict=True)
    assert (lows[0], highs[-1]) == (-(2**63), 2**63 - 1)
    assert lows[1:] == highs[:-1], "each token belongs to one range"


def test_the_documented_command_over_ranges_computes_every_object_once(seeded: Seeded) -> None:
    page = (ROOT / "docs" / "mining.md").read_text()
    (line,) = (line for line in page.splitlines() if line.startswith("farm run --over-ranges"))
    found = over_ranges(*shlex.split(line)[1:])
    names = pandas.concat([pandas.read_csv(folder / "part.csv") for folder in found.values()]).objectId
    assert names.is_unique
    assert len(names) == seeded.objects


def test_upper_limits_and_forced_photometry_are_joined_where_they_are_asked_for(mined: Mined, tmp_path: Path) -> None:
    names = sorted(pandas.read_parquet(mined.out).objectId)[:2]
    script, listed = tmp_path / "joined.py", tmp_path / "objects"
    script.write_text(JOINED)
    listed.write_text("\n".join(names))
    with admin() as table:
        query = "SELECT objectid, diffmaglim FROM lasair.noncandidates"
        limits = pandas.DataFrame(table.execute(query)).groupby("objectid").diffmaglim.apply(list)
        before = table.execute(f"SELECT jd FROM lasair.forcedphot WHERE objectid = '{names[0]}'")
        table.execute(
            f"INSERT INTO lasair.forcedphot (objectid, jd, forcediffimflux) VALUES ('{names[1]}', 99.5, -3.5)"
        )
        try:
            whole = mine(script, "joined", tmp_path / "whole", "--window", "all", "--limit", "w1,w2", "--ranges", "3")
            some = mine(
                script, "joined", tmp_path / "some", "--window", "all", "--limit", "w1", "--objects", str(listed)
            )
        finally:
            table.execute(f"DELETE FROM lasair.forcedphot WHERE objectid = '{names[1]}' AND jd = 99.5")
    assert (whole.ended.code, some.ended.code) == (0, 0), whole.ended.stderr + some.ended.stderr
    for found in (pandas.read_parquet(whole.out), pandas.read_parquet(some.out)):
        own = found.set_index("objectId")
        assert (own.n > 0).all()
        assert len(own.loc[names[0], "flux"]) == len(before)
        assert own.loc[names[1], "flux"][0] == -3.5
        for name, values in own.limits.items():
            assert list(values) == limits.get(name, []), name
    assert len(limits) > 0.5 * len(pandas.read_parquet(whole.out))
    assert len(pandas.read_parquet(some.out)) == len(names)


@pytest.mark.parametrize("example", ["rise_times.py:rise", "fade_and_return.py:returns"])
def test_an_example_runs_as_its_page_says(seeded: Seeded, tmp_path: Path, example: str) -> None:
    script, _, function = example.partition(":")
    done = mine(ROOT / "examples" / script, function, tmp_path / "out", "--window", "all", "--ranges", "4")
    assert done.ended.code == 0, done.ended.stderr
    told, found = done.provenance, pandas.read_parquet(done.out)
    assert (told["failed"], told["objects"]) == (0, seeded.objects)
    assert len(found) == told["rows"] > 0
    assert list(found.columns) == ["objectId", *told["types"]]
