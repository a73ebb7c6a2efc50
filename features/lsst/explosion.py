"""The fits of each object that may be a transient: a black body that brightens, or brightens and fades."""

from collections.abc import Iterator

import numpy as np

from features.curves import Bools, Floats, Ints, LightCurves, floats
from features.declare import Feature, FeatureArrays, family
from features.lsst.bands import DUST, FORCED, FORCED_NEEDS, NEEDS, ZERO_POINT, Measured, exponents, measured
from features.lsst.cosmology import distance_modulus, magnitudes_of_stretch
from features.lsst.fits import Curve, Fit, best_fit, peak
from features.lsst.host import SHERLOCK, hosts, hosts_as_lasair
from features.lsst.sources import LASAIR

FEWEST = 5
"""Sources of a light curve that is fitted. There is no most: 250,000, the most that are read, take a second or two."""
_TEN = np.float64(10)
_BEFORE = 4
"""Forced rows before the first source."""
_FIT = "Sherlock says neither SN, NT nor ORPHAN, E(B-V) not given, fewer than 5 sources, or no fit accepted"
_PEAK = f"{_FIT}; not Bazin's curve, or one without a peak"


def to_fit(curves: LightCurves, wanted: Bools, nan_too: bool) -> Iterator[tuple[int, float, Curve]]:
    """Place among the objects, time of the first source, and light curve of each wanted one that can be fitted.

    Its sources, preceded by its last forced rows from before the first of them.
    """
    found, forced = curves.once(measured), curves.others[FORCED].once(measured)
    ebv = floats(curves.given["ebv"])
    powers = exponents(ebv)
    for place in np.flatnonzero(wanted & (found.segments.count >= FEWEST) & ~np.isnan(ebv)).tolist():
        rows = _usable(found, place, nan_too)
        if len(rows) < FEWEST:
            continue
        first = float(found.time[rows[0]])
        before = _usable(forced, place, nan_too)
        before = before[forced.time[before] < first][-_BEFORE:]
        # one by one: of an array, NumPy's power differs in the last bit, on which a fit may hang
        factor = np.array([_TEN**power for power in powers[place]])
        band = np.concatenate((forced.band[before], found.band[rows]))
        yield (
            place,
            first,
            Curve(
                np.concatenate((forced.time[before], found.time[rows])) - first,
                band,
                np.concatenate((forced.flux[before], found.flux[rows])) * factor[band],
            ),
        )


def _usable(found: Measured, place: int, nan_too: bool) -> Ints:
    """The rows (of the measured ones) of one object that are of a known band and, but for ``nan_too``, not NaN."""
    rows = np.arange(found.segments.start[place], found.segments.start[place + 1])
    return rows[(found.band[rows] >= 0) & (nan_too | ~np.isnan(found.flux[rows]))]


def _nothing(objects: int) -> dict[str, Floats]:
    names = ("temperature", "rise", "fall", "flux", "time", "magnitude")
    return {name: np.full(objects, np.nan) for name in names}


def _put(columns: dict[str, Floats], place: int, fit: Fit, first: float) -> float:
    """Temperature and rates, and flux and time of the peak; returns the flux, NaN where there is no peak."""
    columns["temperature"][place], columns["rise"][place] = fit.temperature, fit.rise
    if fit.fall is not None:
        columns["fall"][place] = fit.fall
    top = peak(fit)
    if top is None:
        return float("nan")
    columns["time"][place], columns["flux"][place] = first + fit.onset + top[0], top[1]
    return top[1]


def explosion_as_lasair(curves: LightCurves) -> FeatureArrays:
    """A NaN is fitted too, its fit accepted; a peak that does not exist is at the first source; natural log."""
    host = curves.once(hosts_as_lasair)
    columns = _nothing(len(curves))
    for place, first, curve in to_fit(curves, host.transient, nan_too=True):
        fit = best_fit(curve, finite=False)
        if fit is None:
            continue
        if fit.fall is not None:
            columns["time"][place] = first
        flux = _put(columns, place, fit, first)
        if flux > 0 and host.z[place] > 0:
            z = float(host.z[place])
            columns["magnitude"][place] = _magnitude(flux, z) + 2.5 * np.log(1 + z)
    return list(columns.values())


def _magnitude(flux: float, z: float) -> float:
    """At redshift z, without a K term."""
    return float(ZERO_POINT - 2.5 * np.log10(flux) - distance_modulus(z))


@family(
    Feature("BBBTemp", "float", "kK", _FIT, "Temperature of the fitted black body.", LASAIR),
    Feature(
        "BBBRiseRate",
        "float",
        "1/day",
        _FIT,
        "Rate k of the exponential exp(k x), or kr of Bazin's curve exp(-kf v)/(1 + exp(-kr v)), by AIC the better.",
        LASAIR,
    ),
    Feature("BBBFallRate", "float", "1/day", f"{_FIT}; not Bazin's curve", "Rate kf of Bazin's curve.", LASAIR),
    Feature("BBBPeakFlux", "float", "nJy", _PEAK, "Flux of the fit at its peak in the brightest band there.", LASAIR),
    Feature("BBBPeakMJD", "float", "MJD (TAI)", _PEAK, "Time of the peak.", LASAIR),
    Feature(
        "BBBPeakAbsMag",
        "float",
        "mag",
        f"{_PEAK}; no positive redshift of the host, or a peak that is not positive",
        "Absolute magnitude of the peak at the host's redshift, K term 2.5 log10(1+z); best_distance is not used.",
        LASAIR,
    ),
    needs=f"{NEEDS} {FORCED_NEEDS} {DUST} {SHERLOCK}",
    original=explosion_as_lasair,
)
def explosion(curves: LightCurves) -> FeatureArrays:
    host = curves.once(hosts)
    columns = _nothing(len(curves))
    for place, first, curve in to_fit(curves, host.transient, nan_too=False):
        fit = best_fit(curve, finite=True)
        if fit is not None:
            flux = _put(columns, place, fit, first)
            if flux > 0 and host.z[place] > 0:
                z = float(host.z[place])
                columns["magnitude"][place] = _magnitude(flux, z) + magnitudes_of_stretch(z)
    return list(columns.values())
