"""The features alone: computing them, and a line of CSV each, in microseconds an object.

Simulated light curves of 30 detections on average, in batches of the size that rebuild_objects computes; LSST's with 40
sources and 27 forced rows on average, and with them the fits apart, which only an object that may be a transient gets.
Of several rounds the fastest counts, as everything else on the machine only adds.
"""

import dataclasses
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farm.seed.simulate import light_curves
from features import survey
from features.batch import compute
from features.curves import LightCurves
from features.declare import Survey
from features.lsst.explosion import explosion, to_fit
from features.lsst.host import hosts
from features.lsst.simulate import given
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
        "lsst": lsst(),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def lsst() -> dict[str, Any]:
    """LSST's features of as many objects: all but the fits, the fits, and a line of CSV."""
    whole = survey("lsst")
    curves = lsst_batch(whole)
    rows = compute(whole, curves, None)
    parts = {
        name: dataclasses.replace(
            whole, families=tuple(each for each in whole.families if (each is explosion) is fits), order=(), foreign=()
        )
        for name, fits in (("all but the fits", False), ("fits", True))
    }

    def seconds_of(part: Survey) -> float:
        return fastest(lambda: compute(part, copy(curves), None), 3)

    seconds = {name: seconds_of(part) for name, part in parts.items()}
    accepted = int((~rows.missing["BBBTemp"]).sum())
    return {
        "objects": len(curves),
        "sources": curves.rows,
        "forced": curves.others["diaForcedSources"].rows,
        "fitted": fitted(curves),
        "fits_accepted": accepted,
        "compute_us_per_object": {name: each / len(curves) * 1e6 for name, each in seconds.items()},
        "objects_per_s": {name: len(curves) / each for name, each in seconds.items()},
        "ms_per_fitted_object": seconds["fits"] / fitted(curves) * 1e3,
        "csv_us_per_object": fastest(lambda: csv_text(rows)) / len(curves) * 1e6,
    }


def fitted(curves: LightCurves) -> int:
    """Objects that are fitted."""
    return sum(1 for _ in to_fit(curves, curves.once(hosts).transient, nan_too=False))


def lsst_batch(whole: Survey) -> LightCurves:
    """Simulated light curves of all tables, their columns as the driver gives them."""
    (chunk,) = light_curves(whole, OBJECTS, OBJECTS * ROWS, seed=1)
    made = {
        table.name: LightCurves.from_ordered(
            chunk[table.name]["diaObjectId"],
            {name: plain(chunk[table.name].get(name, absent(chunk[table.name]))) for name in whole.reads[table.name]},
        )
        for table in whole.tables
    }
    curves = made.pop(whole.detections.name)
    others = {name: rows.of(curves.object_id) for name, rows in made.items()}
    return dataclasses.replace(curves, others=others, given=given(curves.object_id))


def absent(rows: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """A column that is not simulated: null everywhere."""
    return np.full(len(rows["diaObjectId"]), np.nan)


def table(measured: dict[str, Any]) -> str:
    """A line a figure."""
    told = [
        f"{'compute, ' + name:<22} {value:>6.1f} us an object"
        for name, value in measured["compute_us_per_object"].items()
    ]
    told.append(f"{'a line of CSV':<22} {measured['csv_us_per_object']:>6.1f} us an object")
    found = measured["lsst"]
    told += [
        f"{'LSST, ' + name:<22} {value:>6.1f} us an object, {found['objects_per_s'][name]:,.0f} objects/s"
        for name, value in found["compute_us_per_object"].items()
    ]
    told.append(f"{'LSST, fits':<22} {found['ms_per_fitted_object']:>6.1f} ms an object that is fitted")
    return "\n".join(told)


def batch(inputs: Sequence[str]) -> LightCurves:
    """Simulated light curves, their columns as the driver gives them."""
    (chunk,) = light_curves(survey("ztf"), OBJECTS, OBJECTS * ROWS, seed=1)
    rows = chunk["candidates"]
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
    others = {name: copy(rows) for name, rows in curves.others.items()}
    return LightCurves(curves.object_id, curves.start, curves.columns, others=others, given=curves.given)


def fastest(function: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Seconds."""
    seconds = []
    for _ in range(rounds):
        begun = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - begun)
    return min(seconds)
