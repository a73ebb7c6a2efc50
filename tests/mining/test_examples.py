"""The worked examples, on light curves from files: real ones, and variables of known period."""

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
    limited = found[found.last_limit_jd.notna()]
    assert len(limited) > 20
    assert (limited.last_limit_jd < limited.peak_jd).all()


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
    assert len(right) >= 0.9 * STARS
    assert len(right) + len(aliases) == len(found) == STARS


@pytest.mark.realdata
def test_a_period_is_in_the_range_that_was_searched_and_significant(tmp_path: Path) -> None:
    found = mined("periods:period", tmp_path / "periods.parquet")
    assert len(found) >= 3
    assert found.period.between(0.1, 100).all()
    assert (found.signal_to_noise >= 8).all()


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
