"""Simulated LSST light curves for tests. Nothing of the code under test is imported."""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

BANDS = "ugrizy"
MICRON = dict(zip(BANDS, (0.380, 0.500, 0.620, 0.740, 0.880, 1.000), strict=True))
HOSTS = (
    None,
    '{"classification": "ORPHAN"}',
    '{"classification": "SN", "best_distance": null, "z": 0.05}',
    '{"classification": "SN", "z": null, "photoz": 0.2}',
    '{"classification": "SN", "z": null, "photoZ": 0.2}',
    '{"classification": "ORPHAN", "photoz": 0.08}',
    '{"classification": "NT", "best_distance": 210.5, "z": 0.3}',
    '{"classification": "SN", "best_distance": 0, "z": 0.3}',
    '{"classification": "SN", "z": -0.01}',
    '{"classification": "SN", "z": 0}',
    '{"classification": "VS", "z": 0.1}',
)


@dataclass(frozen=True)
class Object:
    """What is known of one object."""

    sources: Sequence[Mapping[str, Any]]
    forced: Sequence[Mapping[str, Any]] = ()
    row: Mapping[str, Any] | None = field(default_factory=lambda: {"ra": 150.1, "decl": 2.2})
    ebv: float | None = 0.05
    sherlock: str | None = None


def single_precision(value: float) -> float:
    return float(np.float32(value))


def source(number: int, time: float, band: str | None, flux: float | None, reliability: Any = 0.875) -> dict[str, Any]:
    return {
        "diaSourceId": number, "midpointMjdTai": time, "band": band, "psfFlux": flux, "reliability": reliability,
    }  # fmt: skip


def odd(seed: int) -> Object:
    """Nulls and NaN, equal times, missing and unknown bands, fluxes of both signs or 0, forced rows or none."""
    draw = random.Random(seed)
    bands = draw.choice(["g", "gr", "ri", "ugrizy", "ugrizyY"])
    nulls, nans = draw.choice([0, 0, 0.1, 1.0]), draw.choice([0, 0, 0.1])
    level, scatter = draw.choice([0.0, 300.0, -200.0, 5000.0]), draw.choice([0.0, 50.0, 1000.0])
    step = draw.choice([0.0, 0.01, 0.02, 3.0])
    time, rows = 60924.3, []

    def flux() -> float | None:
        if draw.random() < nulls:
            return None
        return math.nan if draw.random() < nans else single_precision(draw.gauss(level, scatter))

    for number in draw.sample(range(10**17, 10**17 + 100), draw.choice([1, 2, 4, 5, 12, 60])):
        time += draw.choice([0.0, step, step, draw.uniform(0, 20)])
        reliability = draw.choice([0.5, single_precision(draw.random()), None if nulls else 0.625, math.nan])
        rows.append(source(number, time, draw.choice(bands), flux(), reliability))
    forced = [
        {"midpointMjdTai": 60924.3 + draw.uniform(-30, 60), "band": draw.choice(bands), "psfFlux": flux()}
        for _ in range(draw.choice([0, 0, 3, 30]))
    ]
    draw.shuffle(rows)
    row = {
        "ra": draw.uniform(0, 360), "decl": draw.uniform(-89, 89), "nDiaSources": draw.choice([None, len(rows)]),
        "raErr": draw.choice([None, math.nan, 0.0, 2.0**-17]), "g_psfFluxNdata": draw.choice([None, 3]),
        "u_psfFluxMean": draw.choice([None, math.nan, single_precision(draw.gauss(0, 100))]),
    }  # fmt: skip
    ebv = draw.choice([None, 0.0, single_precision(draw.uniform(0, 0.3))])
    return Object(rows, forced, draw.choice([row, row, row, None]), ebv, draw.choice(HOSTS))


def explosion(seed: int, fading: bool, before: int = 6, host: str = HOSTS[2] or "") -> Object:
    """A black body that brightens, or brightens and fades, with 1 % of noise, and forced rows before and after."""
    draw = random.Random(seed)
    temperature, rise, fall = draw.uniform(5, 15), draw.uniform(0.15, 0.5), draw.uniform(0.02, 0.08) if fading else 0.0
    length = draw.uniform(40, 60) if fading else draw.uniform(8, 15)
    onset = 12.0 if fading else length

    def flux(day: float, band: str) -> float:
        v = day - onset
        shape = math.exp(-fall * v) / (1 + math.exp(-rise * v)) if fading else math.exp(rise * v)
        body = MICRON[band] ** -3 / (math.exp(14.387 / (MICRON[band] * temperature)) - 1)
        return single_precision(1e4 * body * shape * draw.gauss(1, 0.01))

    days = sorted(draw.uniform(0, length) for _ in range(40))
    rows = [
        source(10**17 + n, 61000 + day, band, flux(day, band))
        for n, day in enumerate(days)
        for band in [draw.choice(BANDS)]
    ]
    forced = [
        {"midpointMjdTai": 61000 + day, "band": band, "psfFlux": flux(day, band)}
        for day in [*(-draw.uniform(0.1, 5) for _ in range(before)), *(draw.uniform(0, length) for _ in range(5))]
        for band in [draw.choice(BANDS)]
    ]
    return Object(rows, forced, sherlock=host)


def nudged(each: Object) -> Iterator[Object]:
    """The same with fluxes moved in the last digits: where these decide, the fit is not determined."""
    for by in (1e-15, -1e-15, 1e-13, 1e-12, 1e-11):
        moved = [
            [{**row, "psfFlux": row["psfFlux"] and row["psfFlux"] * (1 + by)} for row in rows]
            for rows in (each.sources, each.forced)
        ]
        yield replace(each, sources=moved[0], forced=moved[1])
