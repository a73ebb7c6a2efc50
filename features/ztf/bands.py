"""What the features share: the two bands, and which detections are positive. Each is computed once a batch."""

from dataclasses import dataclass

import numpy as np

from features.curves import Bools, Floats, Ints, LightCurves, Segments

NEEDS = "jd fid magpsf"
"""Columns that a band is made from."""


@dataclass(frozen=True)
class Band:
    """The detections of one band, in order; g is filter 1, r is every other filter (the i band with it)."""

    segments: Segments
    rows: Ints
    """Their row numbers among all detections."""
    jd: Floats
    mag: Floats
    """magpsf, NaN where missing."""


def is_g(curves: LightCurves) -> Bools:
    """Which detections are in g. Needs ``fid``."""
    chosen: Bools = curves.real("fid") == 1
    return chosen


def _band(curves: LightCurves, chosen: Bools) -> Band:
    rows = np.flatnonzero(chosen)
    return Band(curves.segments.subset(chosen), rows, curves.real("jd")[rows], curves.real("magpsf")[rows])


def _g(curves: LightCurves) -> Band:
    return _band(curves, curves.once(is_g))


def _r(curves: LightCurves) -> Band:
    return _band(curves, ~curves.once(is_g))


def bands(curves: LightCurves) -> tuple[Band, Band]:
    """The g band and the r band. Needs ``NEEDS``."""
    return curves.once(_g), curves.once(_r)


def _positive(curves: LightCurves) -> Bools:
    sign = curves.text("isdiffpos")
    chosen: Bools = sign == "t"
    others = np.flatnonzero(~chosen)
    chosen[others] = sign[others] == "1"
    return chosen


def positive(curves: LightCurves) -> Bools:
    """Which detections are brighter than the reference. Needs ``isdiffpos``."""
    return curves.once(_positive)
