"""Exponential moving averages of each band."""

import numpy as np

from features.curves import Floats, LightCurves, Segments, present
from features.declare import Feature, FeatureArrays, family
from features.ztf.bands import NEEDS, bands
from features.ztf.sources import LASAIR

SCALES = (2, 8, 28)


def _declared(band: str) -> list[Feature]:
    return [
        Feature(
            f"mag_{band}{days:02}",
            "float",
            "mag",
            "band empty",
            f"Exponential moving average of magpsf in {band} at its latest detection, time scale {days} days.",
            LASAIR,
        )
        for days in SCALES
    ]


def moving_average(segments: Segments, jd: Floats, mag: Floats, days: float) -> Floats:
    """v = m at an object's first row, then v = v f + m (1 - f) with f = exp(-(t - t_prev)/days); the last v.

    Written out, that is the sum of m_i (e_i - e_(i-1)) with e_i = exp(-(t_last - t_i)/days) and e_0 = 0.
    Shapes: ``jd`` (days) and ``mag`` a row, the result an object, NaN for an object without rows.
    """
    if not len(jd):
        return np.full(len(segments), np.nan)
    last = segments.start[1:] - 1
    weight = np.exp((jd - segments.spread(jd[last])) / days)
    step = np.diff(weight, prepend=0.0)
    first = segments.start[:-1][segments.filled]
    step[first] = weight[first]
    return segments.reduce(np.add, mag * step)


@family(*_declared("g"), *_declared("r"), needs=NEEDS)
def moving_averages(curves: LightCurves) -> FeatureArrays:
    columns = []
    for band in bands(curves):
        segments, mag = present(band.segments, band.mag)
        jd = band.jd if mag is band.mag else band.jd[~np.isnan(band.mag)]
        columns += [moving_average(segments, jd, mag, days) for days in SCALES]
    return columns
