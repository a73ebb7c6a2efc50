"""Rise times of young transients: how fast they brighten, and when they began.

Of each band, a straight line through the flux against time from the first detection to the brightest one, weighted by
the errors of the fluxes; where it crosses zero the transient began. The last upper limit before that, if it is deeper
than the first detection, says when it was not there yet. Flux is 10^(-0.4 (m - 23.9)) in microjansky for an AB
magnitude m; only detections brighter than the reference count.

    farm mine examples/rise_times.py:rise --window all --out rise
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from features.mining import LightCurve, light_curve

BANDS = {1: "g", 2: "r"}
LEAST = 3
"""Detections on the rise."""
SHORTEST, LONGEST = 0.5, 40.0
"""Days from the first of them to the peak: noise and flares take less, and what takes more is no young transient."""
FAINTER = 0.3
"""Magnitudes between the first detection and the peak: less is no rise."""
WORST = 3.0
"""Days of error of the beginning."""

SCHEMA = {
    "band": "string",
    "points": "int64",
    "began": "float64",
    "began_error": "float64",
    "peak_jd": "float64",
    "peak_mag": "float64",
    "rise_days": "float64",
    "mag_per_day": "float64",
    "last_limit_jd": "float64",
}


@light_curve(
    columns="jd fid magpsf sigmapsf isdiffpos noncandidates.jd noncandidates.fid noncandidates.diffmaglim",
    schema=SCHEMA,
)
def rise(curve: LightCurve) -> Iterator[dict[str, Any]]:
    positive = np.isin(curve["isdiffpos"], ("t", "1"))
    for fid, band in BANDS.items():
        rows = positive & (curve["fid"] == fid)
        time, magnitude, error = (curve[name][rows] for name in ("jd", "magpsf", "sigmapsf"))
        if len(time) < LEAST:
            continue
        peak = int(np.argmin(magnitude))
        time, magnitude, error = time[: peak + 1], magnitude[: peak + 1], error[: peak + 1]
        days = time[-1] - time[0]
        if peak + 1 < LEAST or not SHORTEST < days < LONGEST or magnitude[0] - magnitude[-1] < FAINTER:
            continue
        fitted = began(time, magnitude, error)
        if fitted is None or fitted[1] > WORST:
            continue
        looked, depth = curve["noncandidates.jd"], curve["noncandidates.diffmaglim"]
        dark = (curve["noncandidates.fid"] == fid) & (depth > magnitude[0]) & (looked < fitted[0])
        yield {
            "band": band,
            "points": peak + 1,
            "began": fitted[0],
            "began_error": fitted[1],
            "peak_jd": time[-1],
            "peak_mag": magnitude[-1],
            "rise_days": time[-1] - fitted[0],
            "mag_per_day": (magnitude[0] - magnitude[-1]) / days,
            "last_limit_jd": looked[dark].max() if dark.any() else None,
        }


def began(time: Any, magnitude: Any, error: Any) -> tuple[float, float] | None:
    """Where a straight line through the fluxes crosses zero (jd), and its error (days); None where it does not rise."""
    flux = 10 ** (-0.4 * (magnitude - 23.9))
    weight = 1 / (flux * error * np.log(10) / 2.5) ** 2
    since = time - time[0]
    mean_time, mean_flux = (np.average(values, weights=weight) for values in (since, flux))
    spread = np.sum(weight * (since - mean_time) ** 2)
    slope = np.sum(weight * (since - mean_time) * (flux - mean_flux)) / spread if spread > 0 else 0.0
    if slope <= 0:
        return None
    back = mean_flux / slope
    # Variances of the mean flux and of the slope, which are independent.
    variance = (1 / np.sum(weight) + back**2 / spread) / slope**2
    return float(time[0] + mean_time - back), float(np.sqrt(variance))
