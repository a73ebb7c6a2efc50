"""The plots of docs/mining.md, from files of light curves: ``python examples/plots.py FOLDER docs/images``.

FOLDER has candidates.parquet and noncandidates.parquet, with the columns of ZTF's tables.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.ticker import LogLocator
from periods import apparent  # beside this file

HERE = Path(__file__).parent
COLOURS = {"g": "#1a7f37", "r": "#cf222e"}
FID = {"g": 1, "r": 2}


def mined(example: str, folder: Path, scratch: Path) -> pd.DataFrame:
    out = scratch / "mined.parquet"
    tables = [f"--table={name}={folder / f'{name}.parquet'}" for name in ("candidates", "noncandidates")]
    subprocess.run(
        [sys.executable, "-m", "features.mining", str(HERE / example), *tables, "--out", str(out)], check=True
    )
    return pd.read_parquet(out)


def axes(title: str, across: str, up: str) -> tuple[plt.Figure, plt.Axes]:
    figure, drawn = plt.subplots(figsize=(6, 3.2), layout="constrained")
    drawn.set(title=title, xlabel=across, ylabel=up)
    return figure, drawn


def rise(found: pd.DataFrame) -> plt.Figure:
    figure, drawn = axes("Rise of transients", "days from the beginning to the peak", "magnitudes a day")
    for band, rows in found.groupby("band"):
        drawn.scatter(rows.rise_days, rows.mag_per_day, s=14, c=COLOURS[str(band)], label=f"{band}: {len(rows)}")
    drawn.set(xscale="log", yscale="log")
    for axis in (drawn.xaxis, drawn.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("")
    drawn.legend()
    return figure


def folded(found: pd.DataFrame, detections: pd.DataFrame) -> plt.Figure:
    """The variable of the greatest amplitude, by the magnitudes in which its period was looked for."""
    best = found.nlargest(1, "amplitude").iloc[0]
    own = detections[(detections.objectid == best.objectId) & (detections.fid == FID[best.band])]
    phase = (own.jd / best.period) % 1
    magnitude = apparent(own.magpsf, own.magnr, np.isin(own.isdiffpos, ("t", "1")))
    figure, drawn = axes(f"{best.objectId}, {best.band}: folded with {best.period:.4f} d", "phase", "magnitude")
    for shift in (0, 1):
        drawn.plot(phase + shift, magnitude, ".", c=COLOURS[best.band])
    drawn.invert_yaxis()
    return figure


def returned(found: pd.DataFrame, detections: pd.DataFrame, limits: pd.DataFrame) -> plt.Figure:
    best = found.nlargest(1, "limits").iloc[0]
    fid = FID[best.band]
    own = detections[(detections.objectid == best.objectId) & (detections.fid == fid)]
    deep = limits[(limits.objectid == best.objectId) & (limits.fid == fid)]
    figure, drawn = axes(
        f"{best.objectId}, {best.band}: gone for {best.gap_days:.0f} days", "jd - 2400000.5", "magnitude"
    )
    drawn.errorbar(own.jd - 2400000.5, own.magpsf, own.sigmapsf, fmt=".", c=COLOURS[best.band], label="detections")
    drawn.plot(deep.jd - 2400000.5, deep.diffmaglim, "v", c="#6e7781", ms=4, label="upper limits")
    drawn.invert_yaxis()
    drawn.legend()
    return figure


def main(folder: Path, out: Path) -> None:
    detections, limits = (pd.read_parquet(folder / f"{name}.parquet") for name in ("candidates", "noncandidates"))
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        figures = {
            "rise-times": rise(mined("rise_times.py:rise", folder, scratch)),
            "periods": folded(mined("periods.py:period", folder, scratch), detections),
            "fade-and-return": returned(mined("fade_and_return.py:returns", folder, scratch), detections, limits),
        }
    out.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        figure.savefig(out / f"mining-{name}.png", dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
