"""The latest flux, of all and of each band."""

from features.curves import LightCurves
from features.declare import Feature, FeatureArrays, family
from features.lsst.bands import BANDS, NEEDS, measured
from features.lsst.sources import LASAIR


def _declared(band: str) -> tuple[Feature, Feature]:
    return (
        Feature(f"{band}_psfFlux", "float", "nJy", "band empty", f"psfFlux of the latest source in {band}.", LASAIR),
        Feature(f"{band}_latestMJD", "float", "MJD (TAI)", "band empty", f"Time of {band}_psfFlux.", LASAIR),
    )


@family(
    Feature("latest_psfFlux", "float", "nJy", "no source with a flux", "psfFlux of the latest source.", LASAIR),
    *(feature for band in BANDS for feature in _declared(band)),
    needs=NEEDS,
)
def latest_flux(curves: LightCurves) -> FeatureArrays:
    found = curves.once(measured)
    columns = [found.segments.from_end(found.flux, 1)]
    for band in range(len(BANDS)):
        segments, rows = found.of_band(band)
        columns += [segments.from_end(found.flux[rows], 1), segments.from_end(found.time[rows], 1)]
    return columns
