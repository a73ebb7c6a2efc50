"""How many sources, when, and how reliable."""

import numpy as np

from features.curves import Bools, Floats, Ints, LightCurves, Segments, present
from features.declare import Feature, FeatureArrays, family
from features.lsst.bands import BANDS, NEEDS, measured
from features.lsst.sources import LASAIR

_NONE = "no source with a flux"


@family(
    Feature("lastDiaSourceMjdTai", "double", "MJD (TAI)", _NONE, "Time of the latest source.", LASAIR),
    Feature("firstDiaSourceMjdTai", "double", "MJD (TAI)", _NONE, "Time of the earliest source.", LASAIR),
    needs=NEEDS,
)
def times(curves: LightCurves) -> FeatureArrays:
    found = curves.once(measured)
    return found.segments.reduce(np.maximum, found.time), found.segments.reduce(np.minimum, found.time)


def median(segments: Segments, values: Floats) -> Floats:
    """The median of each object's rows, the mean of the middle two where they are even; NaN for one without rows."""
    owner = np.repeat(np.arange(len(segments)), segments.count)
    ordered = values[np.lexsort((values, owner))]
    result = np.full(len(segments), np.nan)
    first, count = segments.start[:-1][segments.filled], segments.count[segments.filled]
    result[segments.filled] = (ordered[first + (count - 1) // 2] + ordered[first + count // 2]) / 2
    return result


@family(
    Feature("medianR", "float", "", "no source with a reliability", "Median of reliability.", LASAIR),
    Feature("latestR", "float", "", "null in the latest source", "reliability of the latest source.", LASAIR),
    Feature("nSourcesGood", "int", "", "never", "Sources of reliability above 0.5.", LASAIR),
    needs=f"{NEEDS} reliability",
)
def reliability(curves: LightCurves) -> FeatureArrays:
    found = curves.once(measured)
    values = curves.real("reliability")[found.rows]
    return (
        median(*present(found.segments, values)),
        found.segments.from_end(values, 1),
        found.segments.number(values > 0.5),
    )


def nights(segments: Segments, time: Floats, chosen: Bools) -> Ints:
    """On how many nights each object has a chosen row; a night lasts from noon to noon TAI, times do not decrease."""
    night = np.trunc(time[chosen] + 0.5)
    several = segments.subset(chosen)
    fresh = np.append(True, night[1:] != night[:-1])[: len(night)]
    fresh[several.start[:-1][several.filled]] = True
    return several.number(fresh)


@family(
    Feature("nPosDiaSources", "int", "", "never", "Sources of positive psfFlux.", LASAIR),
    Feature("nPosDiaSourcesNights", "int", "", "never", "Nights (noon to noon TAI) that have such a source.", LASAIR),
    needs=NEEDS,
)
def positive(curves: LightCurves) -> FeatureArrays:
    found = curves.once(measured)
    chosen = found.flux > 0
    return found.segments.number(chosen), nights(found.segments, found.time, chosen)


@family(
    *(Feature(f"n{band}Sources", "int", "", "never", f"Sources in {band}.", LASAIR) for band in BANDS),
    needs=NEEDS,
)
def of_bands(curves: LightCurves) -> FeatureArrays:
    found = curves.once(measured)
    return [found.segments.number(found.band == band) for band in range(len(BANDS))]
