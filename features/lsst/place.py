"""Where the object is, and how much dust lies before it."""

import numpy as np

from features.curves import Floats, LightCurves, floats
from features.declare import Feature, FeatureArrays, family
from features.htm import htm_id
from features.lsst.bands import DUST
from features.lsst.sources import EXTERNAL_DUST, HTM, LASAIR

_POLE_RA, _POLE_DEC = np.radians(192.85948), np.radians(27.1283)
"""North galactic pole, J2000, as the original has it."""
POSITION = "diaObjects.ra diaObjects.decl"


def position(curves: LightCurves) -> tuple[Floats, Floats]:
    """ra and decl in degrees, NaN where missing, a value an object. Needs ``POSITION``."""
    objects = curves.others["diaObjects"]
    return floats(objects.latest("ra")), floats(objects.latest("decl"))


@family(
    Feature("glat", "float", "deg", "no position", "Galactic latitude.", LASAIR),
    needs=POSITION,
)
def galactic(curves: LightCurves) -> FeatureArrays:
    ra, decl = (np.radians(each) for each in curves.once(position))
    sine = np.sin(_POLE_DEC) * np.sin(decl) + np.cos(_POLE_DEC) * np.cos(decl) * np.cos(ra - _POLE_RA)
    return (np.degrees(np.arcsin(np.clip(sine, -1, 1))),)


@family(
    Feature(
        "htm16",
        "bigint",
        "",
        "never",
        "Level 16 HTM id of the position; 0 without a position.",
        HTM,
        default="NOT NULL",
    ),
    needs=POSITION,
)
def htm(curves: LightCurves) -> FeatureArrays:
    ra, decl = curves.once(position)
    known = np.isfinite(ra) & np.isfinite(decl)
    return (np.where(known, htm_id(np.where(known, ra, 0.0), np.where(known, decl, 0.0), 16), 0),)


def dust_as_lasair(curves: LightCurves) -> FeatureArrays:
    """0 where it is not known."""
    return (np.nan_to_num(floats(curves.given["ebv"])),)


@family(
    Feature("ebv", "float", "mag", "not given", "Reddening E(B-V) by the Galaxy's dust.", EXTERNAL_DUST),
    needs=DUST,
    original=dust_as_lasair,
)
def dust(curves: LightCurves) -> FeatureArrays:
    return (floats(curves.given["ebv"]),)
