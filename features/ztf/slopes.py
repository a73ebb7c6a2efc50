"""How fast each band brightens, from its latest detections."""

import numpy as np

from features.curves import Bools, Floats, LightCurves
from features.declare import Feature, FeatureArrays, family
from features.ztf.bands import NEEDS, bands, positive
from features.ztf.sources import LASAIR


def _declared(band: str) -> tuple[Feature, ...]:
    pair = "fewer than 2 in the band, either not positive, or equal times"
    triple = "fewer than 3 in the band, either not positive, or equal times"
    return (
        Feature(
            f"dmdt_{band}",
            "float",
            "mag/day",
            pair,
            f"Rise of {band} (positive is brightening) between its last two detections p, q: (mp - mq)/(tq - tp).",
            LASAIR,
        ),
        Feature(f"dmdt_{band}_err", "float", "mag/day", pair, f"Error of dmdt_{band} by sigmapsf.", LASAIR),
        Feature(
            f"dmdt_{band}_2",
            "float",
            "mag/day",
            triple,
            f"Slope of {band} (positive is fading) between its last three's first two o, p: (mp - mo)/(tp - to).",
            LASAIR,
        ),
    )


def _where(usable: Bools, values: Floats) -> Floats:
    return np.where(usable, values, np.nan)


@family(*_declared("g"), *_declared("r"), needs=f"{NEEDS} isdiffpos sigmapsf")
def slopes(curves: LightCurves) -> FeatureArrays:
    columns = []
    for band in bands(curves):
        sign = positive(curves)[band.rows].astype(np.float64)
        sigma = curves.real("sigmapsf")[band.rows]
        last = [
            [band.segments.from_end(values, back) for values in (band.jd, band.mag, sigma, sign)] for back in (1, 2, 3)
        ]
        (tq, mq, eq, posq), (tp, mp, ep, posp), (to, mo, _, poso) = last
        pair = (posq == 1) & (posp == 1) & (tq != tp)
        triple = (posp == 1) & (poso == 1) & (tp != to)
        columns += [
            _where(pair, (mp - mq) / (tq - tp)),
            _where(pair, np.sqrt(ep * ep + eq * eq) / (tq - tp)),
            _where(triple, (mp - mo) / (tp - to)),
        ]
    return columns
