"""How many detections, how many good ones, and when."""

import numpy as np

from features.curves import LightCurves
from features.declare import Feature, FeatureArrays, family
from features.ztf.bands import NEEDS, bands, positive
from features.ztf.sources import LASAIR


@family(
    Feature("ncand", "int", "", "never", "Number of detections.", LASAIR),
    needs="jd",
)
def detections(curves: LightCurves) -> FeatureArrays:
    return (curves.segments.count,)


def _jdmax(curves: LightCurves) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return curves.segments.reduce(np.maximum, curves.real("jd"))


@family(
    Feature("jdmin", "double", "JD", "no detection", "Time of the earliest detection.", LASAIR),
    Feature("jdmax", "double", "JD", "no detection", "Time of the latest detection.", LASAIR),
    needs="jd",
)
def times(curves: LightCurves) -> FeatureArrays:
    return curves.segments.reduce(np.minimum, curves.real("jd")), curves.once(_jdmax)


@family(
    Feature("jdgmax", "double", "JD", "band empty", "Time of the latest detection in g.", LASAIR),
    Feature("jdrmax", "double", "JD", "band empty", "Time of the latest detection in r.", LASAIR),
    needs=NEEDS,
)
def band_times(curves: LightCurves) -> FeatureArrays:
    return [band.segments.reduce(np.maximum, band.jd) for band in bands(curves)]


@family(
    Feature("ncandgp", "int", "", "never", "Good and positive detections: rb or drb above 0.75.", LASAIR),
    Feature("ncandgp_7", "int", "", "never", "Good and positive detections less than 7 days before jdmax.", LASAIR),
    Feature("ncandgp_14", "int", "", "never", "Good and positive detections less than 14 days before jdmax.", LASAIR),
    needs="jd isdiffpos rb drb",
)
def good_detections(curves: LightCurves) -> FeatureArrays:
    segments = curves.segments
    good = positive(curves) & ((curves.real("rb") > 0.75) | (curves.real("drb") > 0.75))
    age = segments.spread(curves.once(_jdmax)) - curves.real("jd")
    return segments.number(good), segments.number(good & (age < 7)), segments.number(good & (age < 14))
