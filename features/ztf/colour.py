"""The colour of the latest night that has both bands."""

import numpy as np

from features.curves import Floats, Ints, LightCurves, Segments
from features.declare import Feature, FeatureArrays, family
from features.ztf.bands import NEEDS, is_g, positive
from features.ztf.sources import LASAIR


@family(
    Feature(
        "g_minus_r",
        "float",
        "mag",
        "no such night",
        "g - r of the last positive g and r of a night (nid): of the nights with both, the one whose first positive r "
        "comes last.",
        LASAIR,
    ),
    Feature("jd_g_minus_r", "double", "JD", "no such night", "Time of the g detection of g_minus_r.", LASAIR),
    needs=f"{NEEDS} nid isdiffpos",
)
def colour(curves: LightCurves) -> FeatureArrays:
    mag, night = curves.real("magpsf"), curves.real("nid")
    usable = positive(curves) & ~np.isnan(mag) & ~np.isnan(night)
    rows = np.flatnonzero(usable)
    owner = np.repeat(np.arange(len(curves)), curves.segments.number(usable))
    rows, nights = _by_night(rows, owner, night[rows])
    in_g = curves.once(is_g)[rows]
    g_rows, r_rows = rows[in_g], rows[~in_g]
    g, r = nights.subset(in_g), nights.subset(~in_g)
    both = np.flatnonzero(g.filled & r.filled)
    # In the order of each night's first r: of an object's nights the last one stays.
    both = both[np.argsort(r_rows[r.start[both]], kind="stable")]
    last_g, last_r = g_rows[g.start[both + 1] - 1], r_rows[r.start[both + 1] - 1]
    object_of = owner[nights.start[both]]
    difference, when = np.full(len(curves), np.nan), np.full(len(curves), np.nan)
    difference[object_of] = mag[last_g] - mag[last_r]
    when[object_of] = curves.real("jd")[last_g]
    return difference, when


def _by_night(rows: Ints, owner: Ints, night: Floats) -> tuple[Ints, Segments]:
    """The rows with those of an object's night put together, in order within it, and the nights as segments of them."""
    same_object = owner[1:] == owner[:-1]
    if np.any(same_object & (night[1:] < night[:-1])):
        order = np.lexsort((rows, night, owner))
        rows, night = rows[order], night[order]
    first = np.flatnonzero(~same_object | (night[1:] != night[:-1])) + 1
    return rows, Segments(np.concatenate(([0], first, [len(rows)])) if len(rows) else np.zeros(1, np.int64))
