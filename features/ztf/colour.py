"""The colour of the latest night that has both bands."""

import numpy as np

from features.curves import Floats, Ints, LightCurves
from features.declare import Feature, FeatureArrays, family
from features.ztf.bands import NEEDS, positive
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
    mag, night, is_g = curves.real("magpsf"), curves.real("nid"), curves.real("fid") == 1
    rows = np.flatnonzero(positive(curves) & ~np.isnan(mag) & ~np.isnan(night))
    rows, first = _nights(rows, np.searchsorted(curves.start, rows, side="right") - 1, night[rows])
    last_g = _greatest(np.where(is_g[rows], rows, -1), first)
    last_r = _greatest(np.where(is_g[rows], -1, rows), first)
    first_r = -_greatest(np.where(is_g[rows], -curves.rows, -rows), first)
    both = np.flatnonzero((last_g >= 0) & (last_r >= 0))
    # Assigned in ascending order of each night's first r, so that an object keeps its last such night.
    both = both[np.argsort(first_r[both])]
    owner = np.searchsorted(curves.start, last_g[both], side="right") - 1
    chosen = np.full(len(curves), -1)
    chosen[owner] = both
    found = chosen >= 0
    difference, when = np.full(len(curves), np.nan), np.full(len(curves), np.nan)
    g, r = last_g[chosen[found]], last_r[chosen[found]]
    difference[found] = mag[g] - mag[r]
    when[found] = curves.real("jd")[g]
    return difference, when


def _nights(rows: Ints, owner: Ints, night: Floats) -> tuple[Ints, Ints]:
    """The rows with each object's nights put together, in order within a night, and where each night starts."""
    if np.any((owner[1:] == owner[:-1]) & (night[1:] < night[:-1])):
        order = np.lexsort((rows, night, owner))
        rows, owner, night = rows[order], owner[order], night[order]
    new = (owner[1:] != owner[:-1]) | (night[1:] != night[:-1])
    return rows, np.flatnonzero(np.concatenate((np.full(min(1, len(rows)), True), new)))


def _greatest(rows: Ints, first: Ints) -> Ints:
    return np.maximum.reduceat(rows, first) if len(first) else np.empty(0, np.int64)
