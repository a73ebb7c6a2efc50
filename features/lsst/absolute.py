"""The greatest luminosity at the host's distance."""

import numpy as np

from features.curves import Floats, LightCurves
from features.declare import Feature, FeatureArrays, family
from features.lsst.bands import DUST, NEEDS, ZERO_POINT, measured, source_flux, source_flux_as_lasair
from features.lsst.host import SHERLOCK, Hosts, hosts, hosts_as_lasair
from features.lsst.sources import LASAIR

_NULL = "Sherlock says neither SN, NT nor ORPHAN or no distance, E(B-V) not given, or no positive flux"


def _least(curves: LightCurves, flux: Floats, host: Hosts) -> FeatureArrays:
    found = curves.once(measured)
    chosen = (flux > 0) & found.segments.spread(host.transient & np.isfinite(host.modulus))
    segments, time = found.segments.subset(chosen), found.time[chosen]
    mag = ZERO_POINT - 2.5 * np.log10(flux[chosen]) - segments.spread(host.modulus)
    least = segments.reduce(np.minimum, mag)
    attained = mag == segments.spread(least)
    several = segments.subset(attained)
    when = np.full(len(curves), np.nan)
    when[several.filled] = time[attained][several.start[:-1][several.filled]]
    return least, when


def absolute_magnitude_as_lasair(curves: LightCurves) -> FeatureArrays:
    return _least(curves, curves.once(source_flux_as_lasair), curves.once(hosts_as_lasair))


@family(
    Feature(
        "absMag",
        "float",
        "mag",
        _NULL,
        "Least absolute magnitude of a source of positive flux, without extinction, at Sherlock's best_distance (no K "
        "term) or redshift (with K term 2.5 log10(1+z)).",
        LASAIR,
    ),
    Feature("absMagMJD", "float", "MJD (TAI)", _NULL, "Time of the first source of that magnitude.", LASAIR),
    needs=f"{NEEDS} {DUST} {SHERLOCK}",
    original=absolute_magnitude_as_lasair,
)
def absolute_magnitude(curves: LightCurves) -> FeatureArrays:
    return _least(curves, curves.once(source_flux), curves.once(hosts))
