"""How far the latest fluxes stand from those of the weeks before, in each band."""

import numpy as np

from features.curves import Floats, LightCurves, Segments
from features.declare import Feature, FeatureArrays, family
from features.lsst.bands import BANDS, NEEDS, Measured, measured
from features.lsst.sources import LASAIR

_RECENT, _LONG_AGO, _ENOUGH = 10.0, 70.0, 5


def _band(found: Measured, age: Floats, band: int, newest: bool) -> Floats:
    """max |F - m|/s of the band's recent rows, with m and s of its rows before; 0 where these are too few or equal."""
    segments, rows = found.of_band(band)
    flux, age = found.flux[rows], age[rows]
    earlier = (age > _RECENT) & (age < _LONG_AGO)
    recent = (age < _RECENT) & ((age >= 0) if newest else (age > 0))
    base = segments.subset(earlier)
    mean, deviation = _moments(base, flux[earlier])
    usable = (base.count >= _ENOUGH) & (deviation > 0)
    away = np.abs(flux - segments.spread(mean)) / segments.spread(deviation)
    greatest = segments.subset(recent).reduce(np.fmax, away[recent])
    return np.where(usable & (greatest > 0), greatest, 0.0)


def _moments(segments: Segments, values: Floats) -> tuple[Floats, Floats]:
    """Mean and sample deviation (ddof 1) of each object's rows."""
    mean = segments.mean(values)
    residual = values - segments.spread(mean)
    return mean, np.sqrt(segments.reduce(np.add, residual * residual) / (segments.count - 1))


def _greatest_two(curves: LightCurves, newest: bool) -> FeatureArrays:
    found = curves.once(measured)
    age = found.segments.spread(found.segments.from_end(found.time, 1)) - found.time
    several = np.sort([_band(found, age, band, newest) for band in range(len(BANDS))], axis=0)
    return several[-1], several[-2]


def jump_as_lasair(curves: LightCurves) -> FeatureArrays:
    """Without the newest exposure."""
    return _greatest_two(curves, newest=False)


@family(
    Feature(
        "jump1",
        "float",
        "deviations",
        "never",
        "Greatest |F - m|/s of the last 10 days' sources in one band; m, s: mean and deviation of its sources 10 to 70 "
        "days before the latest one. 0 with fewer than 5 of these, or where they are all equal.",
        LASAIR,
    ),
    Feature("jump2", "float", "deviations", "never", "The same of the band where it is second greatest.", LASAIR),
    needs=NEEDS,
    original=jump_as_lasair,
)
def jump(curves: LightCurves) -> FeatureArrays:
    return _greatest_two(curves, newest=True)
