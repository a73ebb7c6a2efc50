"""What Rubin says of the object, as it stands in the table of objects of Cassandra."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.curves import LightCurves, floats
from features.declare import Feature, FeatureArrays, family
from features.lsst.bands import BANDS
from features.lsst.sources import RUBIN

_TABLE = "diaObjects"
_NULL = "null in diaObjects"

_OF_BANDS = {
    "psfFluxMean": ("nJy", "Weighted mean of the difference fluxes of its sources in {band}."),
    "psfFluxMeanErr": ("nJy", "Standard error of {band}_psfFluxMean."),
    "psfFluxSigma": ("nJy", "Standard deviation of the difference fluxes of its sources in {band}."),
    "psfFluxNdata": ("", "Sources that {band}_psfFluxMean is made of."),
    "fpFluxMean": ("nJy", "Weighted mean of the forced difference fluxes in {band}."),
    "fpFluxMeanErr": ("nJy", "Standard error of {band}_fpFluxMean."),
    "scienceFluxMean": ("nJy", "Weighted mean of the forced fluxes on the science images in {band}."),
    "scienceFluxMeanErr": ("nJy", "Standard error of {band}_scienceFluxMean."),
    "psfFluxMin": ("nJy", "Least difference flux of its sources in {band}."),
    "psfFluxMax": ("nJy", "Greatest difference flux of its sources in {band}."),
    "psfFluxMaxSlope": ("nJy/day", "Greatest ratio of change of flux to time between its sources in {band}."),
    "psfFluxErrMean": ("nJy", "Mean error of the difference fluxes of its sources in {band}."),
}

_FEATURES = (
    Feature("ra", "double", "deg", _NULL, "Right ascension, ICRS.", RUBIN),
    Feature("decl", "double", "deg", _NULL, "Declination, ICRS.", RUBIN),
    Feature("nDiaSources", "int", "", _NULL, "Rubin's count of sources, not the number of rows.", RUBIN),
    Feature("validityStartMjdTai", "double", "MJD (TAI)", _NULL, "When this state of the object was made.", RUBIN),
    Feature("raErr", "float", "deg", _NULL, "Uncertainty of ra.", RUBIN),
    Feature("decErr", "float", "deg", _NULL, "Uncertainty of decl.", RUBIN),
    Feature("ra_dec_Cov", "float", "deg^2", _NULL, "Covariance of ra and decl.", RUBIN),
    *(
        Feature(
            f"{band}_{name}", "int" if name.endswith("Ndata") else "float", unit, _NULL, doc.format(band=band), RUBIN
        )
        for name, (unit, doc) in _OF_BANDS.items()
        for band in BANDS
    ),
)


@family(*_FEATURES, needs=" ".join(f"{_TABLE}.{feature.name}" for feature in _FEATURES))
def copied(curves: LightCurves) -> FeatureArrays:
    objects = curves.others[_TABLE]
    return [_copied(feature, objects.latest(feature.name)) for feature in _FEATURES]


def _copied(feature: Feature, column: NDArray[Any]) -> NDArray[Any]:
    values = floats(column)
    return np.ma.masked_invalid(values).astype(np.int64) if feature.dtype == np.int64 else values
