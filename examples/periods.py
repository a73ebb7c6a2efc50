# /// script
# requires-python = ">=3.11"
# dependencies = ["light-curve>=0.10"]
# ///
"""Periods of variables: peaks of the Lomb-Scargle periodogram, by the light-curve package.

A telescope on the ground sees a star with a rhythm of its own, so that the periodogram has peaks beside the true one.
Of the highest ones, that is taken at which a wave with one overtone leaves least of the variance; none near a day and
its fractions, where a slow change would do as well.

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
CYCLES = 3
"""That were seen."""
PEAKS = 20
MOST_LEFT = 0.3
"""Of the variance, by the wave."""
DAILY = 0.015
"""From a whole number of cycles a day, in cycles a day."""

SHORTEST, LONGEST = 0.1, 100.0
"""Days."""

_frequencies = 2 * np.pi * np.linspace(1 / LONGEST, 1 / SHORTEST, 100_000)
_periodogram = Periodogram(peaks=PEAKS, freqs=_frequencies, fast=False)


@light_curve(
    columns="jd fid magpsf sigmapsf magnr isdiffpos",
    schema={
        "band": "string",
        "points": "int64",
        "period": "float64",
        "signal_to_noise": "float64",
        "left": "float64",
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
        peaks = _periodogram(time - time[0], magnitude, sorted=True).reshape(-1, 2)
        waves = [(left(time, magnitude, found), found, height) for found, height in peaks
                 if not daily(found) and CYCLES * found <= time[-1] - time[0]]  # fmt: skip
        rest, found, height = min(waves, default=(1.0, 0.0, 0.0))
        if rest <= MOST_LEFT:
            yield {
                "band": band,
                "points": len(time),
                "period": float(found),
                "signal_to_noise": float(height),
                "left": rest,
                "amplitude": float(np.ptp(magnitude)) / 2,
                "mean_mag": float(magnitude.mean()),
            }


def daily(period: float) -> bool:
    """Whether a telescope's own rhythm makes such periods."""
    frequency = 1 / period if period > 0 else 0.0
    return bool(frequency == 0 or (frequency > 0.5 and abs(frequency - round(frequency)) < DAILY))


def left(time: Any, magnitude: Any, period: float) -> float:
    """The part of the variance that a wave of this period, with its first overtone, does not explain."""
    phase = 2 * np.pi * (time - time[0]) / period
    wave = np.stack([np.ones_like(phase), *(part(n * phase) for n in (1, 2) for part in (np.cos, np.sin))], axis=1)
    rest = magnitude - wave @ np.linalg.lstsq(wave, magnitude, rcond=None)[0]
    return float(np.var(rest) / np.var(magnitude)) if np.ptp(magnitude) > 0 else 1.0


def apparent(difference: Any, reference: Any, positive: Any) -> Any:
    """Magnitudes of reference and difference together; NaN where nothing is left, or there is no reference."""
    with np.errstate(invalid="ignore", divide="ignore"):
        reference = np.where(reference > 0, reference, np.nan)
        flux = 10 ** (-0.4 * reference) + np.where(positive, 1, -1) * 10 ** (-0.4 * difference)
        return -2.5 * np.log10(np.where(flux > 0, flux, np.nan))
