"""The colours of the last two pairs of sources that are close in time and of different bands."""

import numpy as np

from features.curves import Floats, Ints, LightCurves
from features.declare import Feature, FeatureArrays, family
from features.lsst.bands import BANDS, DUST, NEEDS, WAVELENGTH, Measured, measured, source_flux, source_flux_as_lasair
from features.lsst.blackbody import colour_temperature
from features.lsst.sources import LASAIR

_CLOSE = 40 / 1440
"""Days."""
_NULL = "no such pair, E(B-V) not given, a flux ratio that is not positive, or no temperature found"


def _declared(name: str, which: str) -> tuple[Feature, ...]:
    return (
        Feature(f"{name}PairMJD", "float", "MJD (TAI)", _NULL, f"Time of the later source of the {which}.", LASAIR),
        Feature(
            f"{name}PairColourMag",
            "float",
            "mag",
            _NULL,
            f"Magnitude in the bluer band minus that in the redder one of the {which}, without extinction.",
            LASAIR,
        ),
        Feature(f"{name}PairColourBands", "varchar(16)", "", _NULL, "Its two bands, as in g-r, bluer first.", LASAIR),
        Feature(
            f"{name}PairColourTemp", "float", "kK", _NULL, "Temperature of a black body of that colour.", LASAIR
        ),
    )  # fmt: skip


def _hits(found: Measured) -> Ints:
    """Rows (of the measured ones) whose predecessor is of the same object, another band and less than 40 min before."""
    fresh = np.zeros(len(found.time), bool)
    fresh[found.segments.start[:-1][found.segments.filled]] = True
    hit = (np.diff(found.time, prepend=np.nan) < _CLOSE) & (np.diff(found.band, prepend=-1) != 0)
    return np.flatnonzero(hit & ~fresh)


def _known(found: Measured) -> Measured:
    """Without the rows of an unknown band."""
    kept = found.band >= 0
    return Measured(found.segments.subset(kept), found.rows[kept], found.time[kept], found.flux[kept], found.band[kept])


def _pair(found: Measured, flux: Floats, row: Ints, redder_last: bool) -> FeatureArrays:
    """The four columns of the pair of each row (of the measured ones; -1 where there is none) with its predecessor."""
    n = len(row)
    mjd, mag, temperature, names = np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan), np.full(n, None, object)
    there = np.flatnonzero(row >= 0)
    last = row[there]
    first = last - 1
    blue = np.where(found.band[last] < found.band[first], last, first)
    red = last + first - blue
    ratio = flux[blue] / flux[red]
    usable = (ratio > 0) & np.isfinite(ratio)
    if redder_last:
        usable &= red == last
    there, last, blue, red, ratio = there[usable], last[usable], blue[usable], red[usable], ratio[usable]
    kelvins = colour_temperature(WAVELENGTH[found.band[blue]], WAVELENGTH[found.band[red]], ratio)
    solved = ~np.isnan(kelvins)
    there, last, blue, red = there[solved], last[solved], blue[solved], red[solved]
    mjd[there], mag[there], temperature[there] = found.time[last], -2.5 * np.log10(ratio[solved]), kelvins[solved]
    letters = np.array(list(BANDS), object)
    names[there] = letters[found.band[blue]] + "-" + letters[found.band[red]]
    return mjd, mag, names, temperature


def _both(curves: LightCurves, flux: Floats, redder_last: bool) -> FeatureArrays:
    every = curves.once(measured)
    found = _known(every)
    flux = flux[every.band >= 0]
    hits = _hits(found)
    chosen = np.zeros(len(found.time), bool)
    chosen[hits] = True
    several = found.segments.subset(chosen)
    columns: list[FeatureArrays] = []
    for back in (1, 2):
        row = np.nan_to_num(several.from_end(hits.astype(np.float64), back), nan=-1).astype(np.int64)
        columns.append(_pair(found, flux, row, redder_last))
    return [*columns[0], *columns[1]]


def pairs_as_lasair(curves: LightCurves) -> FeatureArrays:
    """Only where the later source is the redder one."""
    return _both(curves, curves.once(source_flux_as_lasair), redder_last=True)


@family(
    *_declared("latest", "last two neighbours in different bands, less than 40 minutes apart"),
    *_declared("penultimate", "pair before that"),
    needs=f"{NEEDS} {DUST}",
    original=pairs_as_lasair,
)
def pairs(curves: LightCurves) -> FeatureArrays:
    return _both(curves, curves.once(source_flux), redder_last=False)
