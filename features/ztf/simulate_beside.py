"""Upper limits and forced photometry beside simulated detections of ZTF.

Upper limits stand in nights without a detection, from a month before the first one to a month after the last one;
forced photometry wherever there is a detection or an upper limit: the flux of the one, and noise about zero for the
other. Missing are the columns that real rows lack, as often as there.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.ztf.tables import FORCEDPHOT, NONCANDIDATES

Array = NDArray[Any]
Rows = dict[str, Array]

NIGHT_ZERO = 2457754.5
"""The Julian date that ZTF's night ids are counted from."""
MARGIN = 30.0
"""Days before and after the detections."""
ZERO_POINT = 26.2
FORCED = {
    "adpctdif1": (0.1, 0.5), "adpctdif2": (0.1, 0.5), "chinr": (0.3, 6.0), "clrcoeff": (-0.1, 0.12),
    "clrcounc": (4e-6, 1e-4), "decnr": (-30.0, 80.0), "distnr": (0.05, 5.0), "exptime": (30.0, 30.1),
    "magnr": (14.0, 22.0), "magzpscirms": (0.015, 0.06), "magzpsciunc": (1e-6, 7e-5), "ranr": (0.0, 360.0),
    "scibckgnd": (50.0, 900.0), "scisigpix": (5.0, 20.0), "sciinpseeing": (1.2, 4.0), "sharpnr": (-0.1, 0.7),
    "sigmagnr": (0.01, 0.2),
}  # fmt: skip
"""Columns of forced photometry that are drawn from a range."""


def beside(rows: Rows, rng: np.random.Generator) -> dict[str, Rows]:
    """Rows of ``noncandidates`` and ``forcedphot`` for a chunk of whole objects; each in the order of its key.

    ``rows`` are detections, in the order (object, jd).
    """
    names, jd = rows["objectid"], rows["jd"]
    first = np.flatnonzero(np.append(True, names[1:] != names[:-1]))
    last = np.append(first[1:], len(names)) - 1
    counts = rng.integers(4, 20, len(first)) + (last - first + 1) // 2
    owner = np.repeat(np.arange(len(first)), counts)
    time = rng.uniform((jd[first] - MARGIN)[owner], (jd[last] + MARGIN)[owner])
    time = np.round(np.floor(time) + 0.6 + 0.4 * rng.random(len(owner)), 7)
    of_detection = np.repeat(np.arange(len(first)), last - first + 1)
    free = ~np.isin(_night(owner, time), _night(of_detection, jd))
    owner, time = _in_order(owner[free], time[free])
    limits = _limits(names[first][owner], time, rng)
    return {NONCANDIDATES.name: limits, FORCEDPHOT.name: _forced(rows, of_detection, limits, owner, rng)}


def _night(owner: Array, jd: Array) -> Array:
    """A number for each object's each night."""
    night: Array = owner * 10_000_000 + np.floor(jd).astype(np.int64)
    return night


def _in_order(owner: Array, time: Array) -> tuple[Array, Array]:
    """By object and time, each once."""
    order = np.lexsort((time, owner))
    owner, time = owner[order], time[order]
    fresh = np.append(True, (np.diff(owner) != 0) | (np.diff(time) != 0))[: len(owner)]
    return owner[fresh], time[fresh]


def _limits(names: Array, jd: Array, rng: np.random.Generator) -> Rows:
    total = len(jd)
    night = np.floor(jd - NIGHT_ZERO).astype(np.int64)
    unknown = rng.random(total) < 0.18
    rows: Rows = {
        "objectid": names,
        "jd": jd,
        "fid": rng.choice([1, 2, 3], total, p=[0.495, 0.495, 0.01]),
        "diffmaglim": rng.normal(19.9, 0.6, total).clip(15, 22.2),
        "nid": np.ma.array(night, mask=rng.random(total) < 0.09),
        "field": np.ma.array(245 + night % 600, mask=rng.random(total) < 0.03),
        "magzpsci": np.ma.array(rng.normal(ZERO_POINT, 0.1, total), mask=unknown),
        "magzpsciunc": np.ma.array(rng.uniform(1e-6, 7e-5, total), mask=unknown),
        "magzpscirms": np.ma.array(rng.uniform(0.015, 0.06, total), mask=unknown),
    }
    return rows


def _forced(rows: Rows, owner: Array, limits: Rows, owner_of_limit: Array, rng: np.random.Generator) -> Rows:
    sign = np.where(np.isin(rows["isdiffpos"], (b"t", b"1")), 1, -1)
    error = _flux(limits["diffmaglim"]) / 5
    seen = sign * _flux(rows["magpsf"])
    flux = np.concatenate([seen, rng.normal(0, error)])
    uncertain = np.concatenate([np.abs(seen) * rows["sigmapsf"] / 1.0857, error])
    both = np.concatenate([owner, owner_of_limit])
    jd = np.concatenate([rows["jd"], limits["jd"]])
    order = np.lexsort((jd, both))
    order = order[np.append(True, (np.diff(both[order]) != 0) | (np.diff(jd[order]) != 0))]
    total = len(order)
    found: Rows = {
        "objectid": np.concatenate([rows["objectid"], limits["objectid"]])[order],
        "jd": jd[order],
        "fid": np.concatenate([rows["fid"], limits["fid"]])[order],
        "forcediffimflux": flux[order],
        "forcediffimfluxunc": uncertain[order],
        "diffmaglim": rng.normal(19.9, 0.6, total).clip(15, 22.2),
        "magzpsci": rng.normal(ZERO_POINT, 0.1, total),
        "procstatus": np.where(rng.random(total) < 0.05, b"56", b"0"),
        "programid": np.full(total, 1),
    }
    for name, (low, high) in FORCED.items():
        found[name] = rng.uniform(low, high, total)
    night = np.floor(found["jd"] - NIGHT_ZERO).astype(np.int64)
    found["field"], found["rcid"] = 245 + night % 600, night % 64
    found["pid"] = np.floor((found["jd"] - NIGHT_ZERO) * 1e6).astype(np.int64) * 10**4
    found["rfid"] = found["field"] * 10**6 + 120
    return found


def _flux(magnitude: Array) -> Array:
    """In the units of a difference image."""
    flux: Array = 10 ** (-0.4 * (magnitude - ZERO_POINT))
    return flux
