"""The worked examples, on light curves from files: real ones, and variables of known period."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas
import pytest
from command import ROOT
from light_curves import REAL_DATA

from features.mining.__main__ import main

STARS, NIGHTS = 30, 150
REFERENCE = 15.0
"""Magnitude of a variable in the reference image."""
NEAR_A_DAY = 0.015
"""Cycles a day from a whole number of them, where no period is told."""
GRID = 2e-4
"""Two steps of the periodogram's frequencies (1/d)."""


def mined(example: str, out: Path, folder: Path = REAL_DATA / "ztf") -> pandas.DataFrame:
    script, _, function = example.partition(":")
    tables = [f"--table={name}={folder / f'{name}.parquet'}" for name in ("candidates", "noncandidates")]
    assert main([f"{ROOT / 'examples' / script}.py:{function}", *tables, "--out", str(out)]) == 0
    return pandas.read_parquet(out)


def detections() -> pandas.DataFrame:
    return pandas.read_parquet(REAL_DATA / "ztf" / "candidates.parquet")


@pytest.mark.realdata
def test_transients_began_before_their_first_detection_and_rose_to_their_peak(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = mined("rise_times:rise", tmp_path / "rise.parquet")
    assert "0 failed" in capsys.readouterr().out
    assert len(found) > 50
    assert (found.began < found.peak_jd).all()
    assert (found.began_error <= 3).all()
    assert (found.rise_days > 0.5).all()
    limited = found[found.last_limit_jd.notna()]
    assert len(limited) > 20
    assert (limited.last_limit_jd < limited.began).all()


def transients(folder: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Writes fluxes that rise from a known moment on, for 20 days, and fall; returns when each began, and when each
    was last looked for in vain by a deep image.
    """
    rng = np.random.default_rng(7)
    detected, limits = [], []
    began = {f"ZTF99sn{number:04}": float(2459000 + rng.uniform(0, 300)) for number in range(STARS)}
    last = {}
    for name, start in began.items():
        nights = start + np.sort(rng.uniform(-15, 40, 60))
        since = nights - start
        flux = np.where(since < 20, since, 40 - since) * 10.0  # microjansky: magnitude 18.1 at the peak
        error = 4.0
        seen = flux > 5 * error
        measured = flux[seen] + rng.normal(0, error, np.count_nonzero(seen))
        told = {"objectid": name, "jd": nights[seen], "fid": 1, "magpsf": 23.9 - 2.5 * np.log10(measured)}
        told |= {"sigmapsf": 2.5 / np.log(10) * error / measured, "isdiffpos": "t", "candid": np.arange(seen.sum())}
        detected.append(pandas.DataFrame(told))
        dark = np.append(nights[since < 0], start - 0.01)  # the last one shallow, by clouds
        depth = np.append(np.full(len(dark) - 1, 23.9 - 2.5 * np.log10(5 * error)), 17.0)
        limits.append(pandas.DataFrame({"objectid": name, "jd": dark, "fid": 1, "diffmaglim": depth}))
        last[name] = float(dark[:-1].max())
    flare = {"objectid": "ZTF99flare", "jd": 2459000 + np.array([0.0, 0.01, 0.02]), "fid": 1, "isdiffpos": "t"}
    detected.append(pandas.DataFrame(flare | {"magpsf": [19.0, 18.5, 18.0], "sigmapsf": 0.05, "candid": [1, 2, 3]}))
    pandas.concat(detected).to_parquet(folder / "candidates.parquet")
    pandas.concat(limits).to_parquet(folder / "noncandidates.parquet")
    return began, last


def test_a_transient_began_when_it_did_and_its_last_limit_is_a_deep_one_before_that(tmp_path: Path) -> None:
    began, last = transients(tmp_path)
    found = mined("rise_times:rise", tmp_path / "rise.parquet", tmp_path).set_index("objectId")
    assert "ZTF99flare" not in found.index, "it brightened within half an hour"
    assert len(found) >= 0.9 * STARS
    off = found.began - pandas.Series(began)[found.index]
    assert (off.abs() < 1.5).all(), "the brightest point may be one behind the peak"
    assert off.abs().median() < 0.5
    assert (off / found.began_error).abs().median() < 2
    assert (found.rise_days - 20).abs().median() < 1.5
    limited = found.last_limit_jd.dropna()
    assert len(limited) > 0.5 * STARS
    truth = pandas.Series(last)[limited.index]
    assert (limited <= truth).all(), "a limit is neither the shallow one nor of a night on which it shone"
    assert (limited == truth).mean() > 0.8


def variables(folder: Path) -> dict[str, float]:
    """Writes sinusoids seen once in some nights, as differences to a reference image; returns the true periods."""
    rng = np.random.default_rng(4)
    periods = np.exp(rng.uniform(np.log(0.15), np.log(60), STARS))
    names = [f"ZTF99var{number:04}" for number in range(STARS)]
    tables = []
    for name, period in zip(names, periods.tolist(), strict=True):
        time = 2459000.6 + np.sort(rng.choice(900, NIGHTS, replace=False)) + rng.uniform(0, 0.35, NIGHTS)
        reference = 10 ** (-0.4 * REFERENCE)
        flux = reference * (1 + 0.3 * np.sin(2 * np.pi * time / period)) * rng.normal(1, 0.02, NIGHTS) - reference
        told = {"objectid": name, "jd": time, "fid": 1, "magpsf": -2.5 * np.log10(np.abs(flux)), "magnr": REFERENCE}
        told |= {"sigmapsf": 0.02, "isdiffpos": np.where(flux > 0, "t", "f"), "candid": np.arange(NIGHTS)}
        tables.append(pandas.DataFrame(told))
    pandas.concat(tables).to_parquet(folder / "candidates.parquet")
    return dict(zip(names, periods.tolist(), strict=True))


def test_periods_of_variables_are_the_true_ones_or_aliases_of_a_day(tmp_path: Path) -> None:
    true = variables(tmp_path)
    found = mined("periods:period", tmp_path / "periods.parquet", tmp_path).set_index("objectId").period
    off = {name: abs(1 / period - 1 / true[name]) for name, period in found.items()}
    right = [name for name, difference in off.items() if difference < GRID]
    aliases = [name for name, period in found.items()
               if name not in right and any(abs(abs(1 / period + sign / true[name]) - day) < GRID
                                            for sign in (-1, 1) for day in (1, 2, 3))]  # fmt: skip
    near = {name for name, period in true.items() if period < 2 and abs(1 / period - round(1 / period)) < NEAR_A_DAY}
    assert len(right) >= 0.9 * STARS
    assert len(right) + len(aliases) == len(found)
    assert true.keys() - found.keys() <= near


@pytest.mark.realdata
def test_a_period_was_seen_several_times_explains_the_light_curve_and_is_none_of_the_telescope_s(
    tmp_path: Path,
) -> None:
    found = mined("periods:period", tmp_path / "periods.parquet")
    assert len(found) >= 3
    assert found.period.between(0.1, 100).all()
    assert (found.left <= 0.3).all()
    cycles = 1 / found.period[found.period < 2]
    assert ((cycles - cycles.round()).abs() >= NEAR_A_DAY).all()
    lyrae = found.set_index(["objectId", "band"]).period["ZTF17aaajnnn", "r"]
    assert lyrae == pytest.approx(0.5576, abs=1e-3), "an RR Lyrae star, by the shape of its folded light curve"


@pytest.mark.realdata
def test_what_came_back_was_not_there_although_somebody_looked(tmp_path: Path) -> None:
    found = mined("fade_and_return:returns", tmp_path / "returns.parquet")
    limits = pandas.read_parquet(REAL_DATA / "ztf" / "noncandidates.parquet")
    assert len(found) >= 1
    for row in found.itertuples():
        own = limits[(limits.objectid == row.objectId) & (limits.fid == {"g": 1, "r": 2}[row.band])]
        between = own[(own.jd > row.faded) & (own.jd < row.back)]
        assert np.sum(between.diffmaglim > max(row.mag_before, row.mag_after)) == row.limits >= 2
    assert set(found.objectId) <= set(detections().objectid)


@pytest.mark.realdata
def test_the_plots_are_drawn_from_files_of_light_curves(tmp_path: Path) -> None:
    words = [sys.executable, str(ROOT / "examples" / "plots.py"), str(REAL_DATA / "ztf"), str(tmp_path / "made")]
    subprocess.run(words, check=True, env=os.environ | {"MPLBACKEND": "agg", "PYTHONPATH": str(ROOT)})
    names = {path.name for path in (ROOT / "docs" / "images").glob("mining-*.png")}
    assert {path.name for path in (tmp_path / "made").iterdir()} == names
    assert all((tmp_path / "made" / name).read_bytes().startswith(b"\x89PNG") for name in names)
