# /// script
# requires-python = ">=3.11"
# dependencies = ["light-curve>=0.10"]
# ///
"""Periods of variables: the highest peak of the Lomb-Scargle periodogram, by the light-curve package.

Magnitudes are those of star and difference together, as a variable star needs them: the reference's magnitude
``magnr`` and the difference's ``magpsf`` add up as fluxes, by the sign of ``isdiffpos``.

    farm mine examples/periods.py:period --window all --out periods
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from light_curve import Periodogram

from features.mining import LightCurve, light_curve

BANDS = {1: "g", 2: "r"}
LEAST = 30
"""Detections in a band."""
SIGNIFICANT = 8.0
"""Signal to noise of the peak."""

SHORTEST, LONGEST = 0.1, 100.0
"""Days."""

_frequencies = 2 * np.pi * np.linspace(1 / LONGEST, 1 / SHORTEST, 100_000)
_periodogram = Periodogram(peaks=1, freqs=_frequencies, fast=False)


@light_curve(
    columns="jd fid magpsf sigmapsf magnr isdiffpos",
    schema={
        "band": "string",
        "points": "int64",
        "period": "float64",
        "signal_to_noise": "float64",
        "amplitude": "float64",
        "mean_mag": "float64",
    },
)
def period(curve: LightCurve) -> Iterator[dict[str, Any]]:
    total = apparent(curve["magpsf"], curve["magnr"], np.isin(curve["isdiffpos"], ("t", "1")))
    for fid, band in BANDS.items():
        rows = (curve["fid"] == fid) & np.isfinite(total)
        time, magnitude = curve["jd"][rows], total[rows]
        time, first = np.unique(time, return_index=True)
        if len(time) < LEAST:
            continue
        magnitude = magnitude[first]
        found, strength = _periodogram(time - time[0], magnitude, sorted=True)
        if strength >= SIGNIFICANT:
            yield {
                "band": band,
                "points": len(time),
                "period": float(found),
                "signal_to_noise": float(strength),
                "amplitude": float(np.ptp(magnitude)) / 2,
                "mean_mag": float(magnitude.mean()),
            }


def apparent(difference: Any, reference: Any, positive: Any) -> Any:
    """Magnitudes of reference and difference together; NaN where nothing is left, or there is no reference."""
    with np.errstate(invalid="ignore", divide="ignore"):
        reference = np.where(reference > 0, reference, np.nan)
        flux = 10 ** (-0.4 * reference) + np.where(positive, 1, -1) * 10 ** (-0.4 * difference)
        return -2.5 * np.log10(np.where(flux > 0, flux, np.nan))
