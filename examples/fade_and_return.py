"""Objects that fade and come back: long gaps between detections in which the survey looked and saw nothing.

A gap counts where upper limits of the same band stand in it which are deeper than the object was before and after:
that nobody looked is no fading.

    farm mine examples/fade_and_return.py:returns --window all --out returns
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from features.mining import LightCurve, light_curve

GAP = 30.0
"""Days without a detection."""
LIMITS = 2
"""Upper limits in the gap that are deeper than the object was."""
BANDS = {1: "g", 2: "r"}


@light_curve(
    columns="jd fid magpsf isdiffpos noncandidates.jd noncandidates.fid noncandidates.diffmaglim",
    schema={
        "band": "string",
        "faded": "float64",
        "back": "float64",
        "gap_days": "float64",
        "mag_before": "float64",
        "mag_after": "float64",
        "limits": "int64",
        "deepest": "float64",
    },
)
def returns(curve: LightCurve) -> Iterator[dict[str, Any]]:
    positive = np.isin(curve["isdiffpos"], ("t", "1"))
    for fid, band in BANDS.items():
        rows = positive & (curve["fid"] == fid)
        time, magnitude = curve["jd"][rows], curve["magpsf"][rows]
        limits = curve["noncandidates.fid"] == fid
        when, depth = curve["noncandidates.jd"][limits], curve["noncandidates.diffmaglim"][limits]
        for place in np.flatnonzero(np.diff(time) > GAP).tolist():
            faintest = max(magnitude[place], magnitude[place + 1])
            deep = (when > time[place]) & (when < time[place + 1]) & (depth > faintest)
            if np.count_nonzero(deep) >= LIMITS:
                yield {
                    "band": band,
                    "faded": time[place],
                    "back": time[place + 1],
                    "gap_days": time[place + 1] - time[place],
                    "mag_before": magnitude[place],
                    "mag_after": magnitude[place + 1],
                    "limits": int(np.count_nonzero(deep)),
                    "deepest": float(depth[deep].max()),
                }
