"""Simulated LSST objects, their sources and forced photometry, with the quirks of real ones.

What is simulated after the real thing: one source or hundreds; several exposures of one band within minutes, then those
of another; fluxes of both signs; sources of one exposure, told apart by their ids alone; explosions with forced rows
before the first source; objects without forced rows, and without Rubin's means; missing as null and as NaN in one
column; classifications with a redshift, a distance, neither, or none at all.
"""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Rows = dict[str, Array]

FORCED = 1.3
"""Forced rows a source."""
FIRST = 60924.0
"""MJD (TAI)."""
BANDS = np.array([b"u", b"g", b"r", b"i", b"z", b"y"])
MICRON = np.array([0.380, 0.500, 0.620, 0.740, 0.880, 1.000])
SHARES = [0.01, 0.25, 0.22, 0.34, 0.17, 0.01]

SOURCE = {
    "apFlux": (-3e4, 3e4), "apFluxErr": (50.0, 900.0), "dipoleMeanFlux": (0.0, 3e3), "extendedness": (0.0, 1.0),
    "ixx": (2.0, 6.0), "iyy": (2.0, 6.0), "ixy": (-1.0, 1.0), "ixxPSF": (2.0, 6.0), "iyyPSF": (2.0, 6.0),
    "ixyPSF": (-1.0, 1.0), "psfChi2": (900.0, 3000.0), "psfFluxErr": (50.0, 400.0), "scienceFlux": (0.0, 1e5),
    "scienceFluxErr": (50.0, 900.0), "snr": (5.0, 60.0), "templateFlux": (0.0, 1e5), "templateFluxErr": (50.0, 900.0),
    "trailFlux": (-3e4, 3e4), "trailLength": (0.0, 3.0), "x": (10.0, 4060.0), "y": (10.0, 3990.0),
}  # fmt: skip
"""Columns of a source that no feature reads: the range that they are drawn from."""

MEANS = ("psfFluxMean", "psfFluxMeanErr", "psfFluxSigma", "scienceFluxMean", "scienceFluxMeanErr")
EXTREMES = ("psfFluxMin", "psfFluxMax", "psfFluxMaxSlope", "psfFluxErrMean")
CLASSES = (
    None, {"classification": "ORPHAN"}, {"classification": "SN", "best_distance": None, "z": 0.05},
    {"classification": "SN", "z": None, "photoZ": 0.2}, {"classification": "NT", "best_distance": 210.5},
    {"classification": "VS", "z": None},
)  # fmt: skip


def object_ids(objects: int) -> Array:
    """Numbers of 18 digits (int64), all different, above those of real objects."""
    return 9 * 10**17 + np.arange(objects) * 7919


def given(ids: Array) -> dict[str, Array]:
    """What comes from outside Cassandra, a value an object: ``ebv`` (or NaN), ``sherlock`` (JSON, or None)."""
    index = (ids - 9 * 10**17) // 7919
    ebv = np.where(index % 50 == 49, np.nan, 0.005 + index % 97 / 500)
    told = np.array([None if each is None else json.dumps(each) for each in CLASSES], object)
    return {"ebv": ebv.astype(np.float32).astype(np.float64), "sherlock": told[index % len(CLASSES)]}


def chunk(ids: Array, index: Array, counts: Array, rng: np.random.Generator) -> dict[str, Rows]:
    """Rows of each table in the order of its key; of objects ``ids``, the ``index``-th ones, ``counts`` sources."""
    place = {"ra": rng.uniform(0, 360, len(ids)), "decl": np.degrees(np.arcsin(rng.uniform(-0.95, 0.2, len(ids))))}
    kind = _kinds(index, rng)
    owner = np.repeat(np.arange(len(ids)), counts)
    sources = _rows(owner, counts, kind, 0.0, rng)
    twin = np.flatnonzero((rng.random(len(owner)) < 0.01) & (np.diff(owner, prepend=-1) == 0))
    for name in ("midpointMjdTai", "band"):
        sources[name][twin] = sources[name][twin - 1]
    forced_counts = np.where(rng.random(len(ids)) < 0.4, np.floor(counts * FORCED).astype(np.int64) + 4, 0)
    forced_owner = np.repeat(np.arange(len(ids)), forced_counts)
    forced = _rows(forced_owner, forced_counts, kind, 12.0, rng)
    for table, whose in ((sources, owner), (forced, forced_owner)):
        table["diaObjectId"] = ids[whose]
        for name, spread in (("ra", 3e-5), ("decl", 3e-5)):
            table[name] = place[name][whose] + rng.normal(0, spread, len(whose))
        table["detector"] = rng.integers(0, 189, len(whose))
        table["visit"] = np.floor(table["midpointMjdTai"] * 1e5).astype(np.int64)
        table["timeProcessedMjdTai"] = table["midpointMjdTai"] + 0.1
    forced["diaForcedSourceId"] = 10**17 + np.arange(len(forced_owner)) + index[0] * 10**6
    forced["psfFluxErr"] = rng.uniform(50, 400, len(forced_owner))
    return {
        "diaSources": sources | _measured(sources, owner, index, rng),
        "diaForcedSources": forced,
        "diaObjects": _objects(ids, place, sources, owner, counts, rng),
    }


def _kinds(index: Array, rng: np.random.Generator) -> Rows:
    """What each object is: a variable source of either sign or, one in three, an explosion."""
    n = len(index)
    return {
        "explosion": index % 3 == 0, "span": rng.lognormal(3.0, 1.0, n).clip(0.02, 180),
        "start": FIRST + rng.uniform(0, 30, n), "temperature": rng.uniform(5, 15, n), "rise": rng.uniform(0.1, 0.5, n),
        "fall": rng.uniform(0.01, 0.06, n), "level": rng.normal(0, 4000, n), "swing": rng.lognormal(7, 1, n),
    }  # fmt: skip


def _rows(owner: Array, counts: Array, kind: Rows, before: float, rng: np.random.Generator) -> Rows:
    """Times, bands and fluxes, in order; from ``before`` days before the first source can be."""
    total = len(owner)
    day = np.sort(owner + rng.random(total)) - owner
    night = np.floor(day * (kind["span"][owner] + before) * 4) / 4 - before
    rank = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    time = kind["start"][owner] + night + 0.0005 * (rank % 200)
    run = rng.choice(len(BANDS), size=total, p=SHARES)
    change = (rng.random(total) < 0.1) | (np.diff(owner, prepend=-1) != 0)
    band = run[np.maximum.accumulate(np.where(change, np.arange(total), 0))] if total else run
    order = np.lexsort((time, owner))
    time, band = time[order], band[order]
    body = MICRON[band] ** -3 / (np.exp(14.387 / (MICRON[band] * kind["temperature"][owner])) - 1)
    v = time - kind["start"][owner] - 12
    bright = 1e4 * body * np.exp(-kind["fall"][owner] * v) / (1 + np.exp(-kind["rise"][owner] * v))
    steady = kind["level"][owner] + kind["swing"][owner] * np.sin(v)
    flux = np.where(kind["explosion"][owner], bright, steady) * rng.normal(1, 0.02, total) + rng.normal(0, 20, total)
    return {"midpointMjdTai": time, "band": BANDS[band], "psfFlux": flux.astype(np.float32)}


def _measured(sources: Rows, owner: Array, index: Array, rng: np.random.Generator) -> Rows:
    """What a source has besides place, time and flux."""
    total = len(owner)
    rows: Rows = {name: rng.uniform(low, high, total) for name, (low, high) in SOURCE.items()}
    rows["diaSourceId"] = 10**17 + index[owner] * 10**7 + np.arange(total)
    rows["reliability"] = np.ma.array(rng.uniform(0.1, 1, total), mask=rng.random(total) < 0.01)
    rows["raErr"] = np.ma.array(np.where(rng.random(total) < 0.05, np.nan, 1e-6), mask=rng.random(total) < 0.1)
    rows["isNegative"] = (sources["psfFlux"] < 0).astype(np.int64)
    rows["parentDiaSourceId"] = np.zeros(total, np.int64)
    rows["ssObjectId"] = np.ma.array(np.zeros(total, np.int64), mask=rng.random(total) < 0.5)
    return rows


def _objects(ids: Array, place: Rows, sources: Rows, owner: Array, counts: Array, rng: np.random.Generator) -> Rows:
    """Rubin's rows: statistics of the sources of each band, null where there are none, and for one object in three."""
    n = len(ids)
    rows: Rows = {"diaObjectId": ids, **place, "nDiaSources": counts}
    rows["validityStartMjdTai"] = np.full(n, FIRST + 200)
    nothing = rng.random(n) < 1 / 3
    for name in ("raErr", "decErr", "ra_dec_Cov"):
        rows[name] = np.ma.array(np.where(rng.random(n) < 0.05, np.nan, 1e-6), mask=nothing)
    for letter in BANDS.tolist():
        chosen = sources["band"] == letter
        number = np.bincount(owner[chosen], minlength=n)
        total = np.bincount(owner[chosen], sources["psfFlux"][chosen].astype(np.float64), minlength=n)
        mean = total / np.maximum(number, 1)
        band = letter.decode()
        rows[f"{band}_psfFluxNdata"] = number
        for name in (*MEANS, *EXTREMES):
            rows[f"{band}_{name}"] = np.ma.array(mean * rng.uniform(0.5, 1.5), mask=nothing | (number == 0))
    return rows
