"""Where the object is: the mean of its detections."""

import numpy as np

from features.curves import Floats, LightCurves, Segments, present
from features.declare import Feature, FeatureArrays, family
from features.htm import htm_id
from features.ztf.sources import GALACTIC, HTM, LASAIR

POLE_RA, POLE_DEC, NODE_LON = np.radians(192.85948), np.radians(27.12825), np.radians(32.93192)
"""J2000 north galactic pole, and the galactic longitude of the ascending node."""


def _centre(segments: Segments, degrees: Floats, turn: float | None = None) -> tuple[Floats, Floats]:
    """Mean and population standard deviation (degrees) of each object's rows, taken about its first row.

    Where ``turn`` is given, rows are first brought to within half a turn of that row.
    """
    segments, degrees = present(segments, degrees)
    origin = np.full(len(segments), np.nan)
    origin[segments.filled] = degrees[segments.start[:-1][segments.filled]]
    offset = degrees - segments.spread(origin)
    if turn is not None:
        offset -= turn * np.rint(offset / turn)
    mean = segments.mean(offset)
    residual = offset - segments.spread(mean)
    return origin + mean, np.sqrt(segments.mean(residual * residual))


def _ra(curves: LightCurves) -> tuple[Floats, Floats]:
    mean, deviation = _centre(curves.segments, curves.real("ra"), 360.0)
    mean = np.where(mean < 0, mean + 360, mean)
    return np.where(mean >= 360, mean - 360, mean), deviation


def _dec(curves: LightCurves) -> tuple[Floats, Floats]:
    return _centre(curves.segments, curves.real("dec"))


@family(
    Feature("ramean", "double", "deg", "no detection", "Mean RA, right on both sides of RA 0; in [0, 360).", LASAIR),
    Feature("decmean", "double", "deg", "no detection", "Mean declination.", LASAIR),
    Feature("rastd", "double", "arcsec", "no detection", "Population standard deviation of RA, no cos(dec).", LASAIR),
    Feature("decstd", "double", "arcsec", "no detection", "Population standard deviation of declination.", LASAIR),
    needs="ra dec",
)
def position(curves: LightCurves) -> FeatureArrays:
    (ra, ra_deviation), (dec, dec_deviation) = curves.once(_ra), curves.once(_dec)
    return ra, dec, 3600 * ra_deviation, 3600 * dec_deviation


@family(
    Feature("glonmean", "double", "deg", "no detection", "Galactic longitude of the mean, in [0, 360).", GALACTIC),
    Feature("glatmean", "double", "deg", "no detection", "Galactic latitude of the mean.", GALACTIC),
    needs="ra dec",
)
def galactic(curves: LightCurves) -> FeatureArrays:
    ra, dec = np.radians(curves.once(_ra)[0]), np.radians(curves.once(_dec)[0])
    away = ra - POLE_RA
    sine = np.sin(dec) * np.sin(POLE_DEC) + np.cos(dec) * np.cos(POLE_DEC) * np.cos(away)
    along = np.sin(dec) * np.cos(POLE_DEC) - np.cos(dec) * np.sin(POLE_DEC) * np.cos(away)
    across = np.cos(dec) * np.sin(away)
    lon = np.degrees(np.arctan2(along, across) + NODE_LON) % 360
    return np.where(lon >= 360, 0.0, lon), np.degrees(np.arcsin(np.clip(sine, -1, 1)))


@family(
    Feature("htm16", "bigint(20)", "", "no detection", "Level 16 HTM id of the mean position.", HTM),
    needs="ra dec",
)
def htm(curves: LightCurves) -> FeatureArrays:
    ra, dec = curves.once(_ra)[0], curves.once(_dec)[0]
    known = np.isfinite(ra) & np.isfinite(dec)
    return (np.ma.MaskedArray(htm_id(np.where(known, ra, 0.0), np.where(known, dec, 0.0), 16), ~known),)
