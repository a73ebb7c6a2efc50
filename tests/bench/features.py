"""The features alone: computing them, and a line of CSV each, in microseconds an object.

Simulated light curves of 30 detections on average, in batches of the size that rebuild_objects computes. Of several
rounds the fastest counts, as everything else on the machine only adds.
"""

import resource
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farm.seed.simulate import light_curves
from features import survey
from features.batch import compute
from features.curves import LightCurves
from features.text import csv_text

OBJECTS, ROWS, ROUNDS = 1_300, 30, 25


def measure() -> dict[str, Any]:
    ztf = survey("ztf")
    curves = batch(ztf.inputs)
    rows = compute(ztf, curves, None)

    def microseconds(function: Callable[[], object]) -> float:
        return fastest(function) / len(curves) * 1e6

    return {
        "method": __doc__,
        "objects": len(curves),
        "detections": curves.rows,
        "compute_us_per_object": {
            "window all": microseconds(lambda: compute(ztf, copy(curves), None)),
            "window 30": microseconds(lambda: compute(ztf, copy(curves), 30)),
        },
        "csv_us_per_object": microseconds(lambda: csv_text(rows)),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def table(measured: dict[str, Any]) -> str:
    """A line a figure."""
    told = [
        f"{'compute, ' + name:<22} {value:>6.1f} us an object"
        for name, value in measured["compute_us_per_object"].items()
    ]
    return "\n".join([*told, f"{'a line of CSV':<22} {measured['csv_us_per_object']:>6.1f} us an object"])


def batch(inputs: Sequence[str]) -> LightCurves:
    """Simulated light curves, their columns as the driver gives them."""
    (rows,) = light_curves(OBJECTS, OBJECTS * ROWS, seed=1)
    columns = {name: plain(rows[name]) for name in inputs if name in rows}
    return LightCurves.from_ordered(plain(rows["objectid"]), columns)


def plain(column: NDArray[Any]) -> NDArray[Any]:
    """Text as str; NaN or None where a value is missing."""
    values, missing = np.ma.getdata(column), np.ma.getmaskarray(column)
    if values.dtype.kind == "S":
        texts = values.astype(str).astype(object)
        texts[missing] = None
        return texts
    if not missing.any():
        return values
    numbers = values.astype(np.float64)
    numbers[missing] = np.nan
    return numbers


def copy(curves: LightCurves) -> LightCurves:
    """The same light curves, nothing derived from them yet."""
    return LightCurves(curves.object_id, curves.start, curves.columns)


def fastest(function: Callable[[], object]) -> float:
    """Seconds."""
    seconds = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - begun)
    return min(seconds)
