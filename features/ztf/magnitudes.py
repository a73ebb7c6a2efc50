"""Magnitudes of each band over all its detections, of both signs."""

import numpy as np

from features.curves import LightCurves, present
from features.declare import Feature, FeatureArrays, family
from features.ztf.bands import NEEDS, bands
from features.ztf.sources import LASAIR


def _declared(band: str) -> tuple[Feature, ...]:
    return (
        Feature(f"mag{band}min", "float", "mag", "band empty", f"Least magpsf in {band}.", LASAIR),
        Feature(f"mag{band}max", "float", "mag", "band empty", f"Greatest magpsf in {band}.", LASAIR),
        Feature(f"mag{band}mean", "float", "mag", "band empty", f"Mean magpsf in {band}.", LASAIR),
        Feature(f"{band}mag", "float", "mag", "band empty", f"magpsf of the latest detection in {band}.", LASAIR),
    )


@family(*_declared("g"), *_declared("r"), needs=NEEDS)
def magnitudes(curves: LightCurves) -> FeatureArrays:
    columns = []
    for band in bands(curves):
        segments, mag = present(band.segments, band.mag)
        columns += [segments.reduce(np.minimum, mag), segments.reduce(np.maximum, mag), segments.mean(mag)]
        columns += [band.segments.from_end(band.mag, 1)]
    return columns
