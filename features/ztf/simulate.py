"""Simulated light curves with the quirks of real ones, for a user who has no data yet.

What is simulated after the real thing: bands g, r and i and objects that lack one; both codings of isdiffpos; sources
of both signs; several candids at one time; lengths from one detection to thousands; columns that only a triggering
alert has (null in its history); PS1's sentinel -999; the word "null" for no minor planet; objects on both sides of
RA 0.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.htm import htm_id
from features.ztf.simulate_beside import NIGHT_ZERO
from features.ztf.simulate_beside import beside as beside
from features.ztf.tables import CANDIDATES

Array = NDArray[Any]
Rows = dict[str, Array]

DETECTION = {
    "aimage": (0.5, 1.4), "aimagerat": (0.2, 0.7), "bimage": (0.4, 1.2), "bimagerat": (0.15, 0.6), "chinr": (0.3, 6.0),
    "chipsf": (0.5, 20.0), "classtar": (0.5, 1.0), "clrcoeff": (-0.1, 0.12), "clrcounc": (4e-6, 1e-4),
    "diffmaglim": (19.0, 21.0), "distnr": (0.05, 5.0), "elong": (1.0, 1.4), "fwhm": (1.0, 5.0), "magdiff": (-0.3, 0.4),
    "magfromlim": (-0.1, 4.0), "magnr": (14.0, 22.0), "magzpsci": (25.7, 26.5), "magzpscirms": (0.015, 0.06),
    "magzpsciunc": (1e-6, 7e-5), "mindtoedge": (10.0, 1500.0), "scorr": (5.0, 40.0), "seeratio": (0.6, 2.0),
    "sharpnr": (-0.1, 0.7), "sigmagap": (0.01, 0.4), "sigmagapbig": (0.01, 0.5), "sigmagnr": (0.01, 0.2),
    "sky": (-1.6, 1.6), "sumrat": (0.8, 1.0), "xpos": (20.0, 3060.0), "ypos": (20.0, 3060.0),
}  # fmt: skip
"""Columns that every detection has and no feature reads: the range that they are drawn from."""

ALERT = {
    "clrmed": (0.5, 1.0), "clrrms": (0.15, 0.33), "distpsnr2": (1.7, 21.0), "distpsnr3": (1.2, 25.0),
    "dsdiff": (-110.0, -4.0), "dsnrms": (3.7, 97.0), "jdendhist": (2459000.0, 2460500.0),
    "jdendref": (2458200.0, 2458400.0), "jdstarthist": (2458000.0, 2458400.0),
    "jdstartref": (2458150.0, 2458200.0), "maggaia": (13.0, 20.4), "neargaia": (0.05, 39.0),
    "sgmag2": (15.0, 22.0), "sgmag3": (15.0, 22.0), "sgscore2": (0.0, 1.0), "sgscore3": (0.0, 1.0),
    "simag1": (12.5, 21.5), "simag2": (15.0, 22.0), "simag3": (15.0, 22.0), "srmag2": (15.0, 22.0),
    "srmag3": (15.0, 22.0), "ssnrms": (9.5, 200.0), "szmag1": (13.0, 21.0), "szmag2": (15.0, 22.0),
    "szmag3": (15.0, 22.0), "zpclrcov": (-1.5e-4, -3e-6), "zpmed": (25.4, 26.4),
}  # fmt: skip
"""Columns that only a triggering alert has, its history in later packets not."""

COUNTS = {"nneg": 9, "nbad": 2, "tblid": 45}
ALERT_COUNTS = {"ndethist": 1500, "ncovhist": 2900, "nmtchps": 50, "nframesref": 40, "nmatches": 2000, "tooflag": 1}
"""Whole numbers below these."""


def object_ids(objects: int) -> Array:
    """Names in ZTF's form, ``ZTF``, two digits of a year and seven letters; dtype ``S12``, all different.

    The years are 97 to 99, in which ZTF did not observe: no simulated object has the name of a real one.
    """
    number = np.arange(objects)
    letters = number[:, None] // 26 ** np.arange(6, -1, -1) % 26 + ord("a")
    names = np.zeros((objects, 12), dtype=np.uint8)
    names[:, :3] = np.frombuffer(b"ZTF", dtype=np.uint8)
    names[:, 3:5] = np.stack([np.full(objects, ord("9")), ord("7") + number % 3], axis=1)
    names[:, 5:] = letters
    ids: Array = names.view("S12").ravel()
    return ids


def chunk(ids: Array, index: Array, counts: Array, rng: np.random.Generator) -> dict[str, Rows]:
    """Detections of the objects ``ids``, the ``index``-th ones, ``counts`` each, in the order (object, jd, candid)."""
    rows = _detections(ids, index, counts, rng)
    return {CANDIDATES.name: rows | {"htmid16": htm_id(rows["ra"], rows["dec"], 16)}}


def _detections(names: Array, index: Array, counts: Array, rng: np.random.Generator) -> Rows:
    owner = np.repeat(np.arange(len(names)), counts)
    total = len(owner)
    rank = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    rows = _times(owner, rank, index, counts, rng)
    rows["objectid"] = names[owner]
    rows |= _place(owner, index, rng) | _brightness(owner, rows["jd"], rows["fid"], rng)
    alert = rng.random(total) < 0.3
    alert[np.cumsum(counts) - 1] |= rng.random(len(names)) < 0.5
    for name, (low, high) in DETECTION.items():
        rows[name] = rng.uniform(low, high, total)
    for name, below in COUNTS.items():
        rows[name] = rng.integers(0, below, total)
    for name, (low, high) in ALERT.items():
        rows[name] = np.ma.array(rng.uniform(low, high, total), mask=~alert)
    for name, below in ALERT_COUNTS.items():
        rows[name] = np.ma.array(rng.integers(0, below, total), mask=~alert)
    rows |= _neighbours(owner, index, alert, rng) | _origin(rows, total)
    rows["rb"] = rng.beta(5, 1.5, total)
    rows["drb"] = np.ma.array(rng.beta(5, 0.5, total), mask=~alert | (rows["jd"] < 2458900.0))
    rows["drbversion"] = np.ma.array(np.full(total, b"d6_m7"), mask=np.ma.getmaskarray(rows["drb"]))
    rows["ranr"], rows["decnr"] = rows["ra"] + 1e-5, rows["dec"] - 1e-5
    rows["magap"] = rows["magpsf"] + rng.normal(0, 0.05, total)
    rows["magapbig"] = rows["magap"] - rng.uniform(0, 0.05, total)
    return rows


def _times(owner: Array, rank: Array, index: Array, counts: Array, rng: np.random.Generator) -> Rows:
    """jd, nid, candid, pid, rcid, fid: nights of an object in order, one row in fifty at the time of the one before."""
    total = len(owner)
    span = np.maximum(rng.lognormal(4.5, 1.5, len(counts)).clip(1, 2500), counts / 4)
    first = rng.uniform(450, 2900, len(counts))
    day = first[owner] + np.sort(owner + rng.random(total)) % 1 * span[owner]
    jd = np.round(NIGHT_ZERO + np.floor(day) + 0.1 + 0.4 * (day % 1), 7)
    twin = np.flatnonzero((rng.random(total) < 0.02) & (rank > 0))
    source = np.arange(total)
    source[twin] = twin - 1
    jd = jd[source]
    mix = rng.choice([0.0, 0.5, 1.0], len(counts), p=[0.08, 0.84, 0.08])
    band = np.where(rng.random(total) < mix[owner], 1, 2)
    fid = np.where(rng.random(total) < 0.03, 3, band)
    same = np.concatenate([[False], (jd[1:] == jd[:-1]) & (owner[1:] == owner[:-1])])
    fid[same] = fid[np.flatnonzero(same) - 1]
    rcid = (index[owner] * 7 + np.floor(jd).astype(np.int64)) % 64
    night = np.floor(jd - NIGHT_ZERO).astype(np.int64)
    moment = np.floor((jd - NIGHT_ZERO - night) * 1e6).astype(np.int64)
    serial = (index[owner] * 4099 + rank) % 10**7
    candid = ((night * 10**6 + moment) * 100 + rcid) * 10**7 + serial
    return {"jd": jd, "nid": night, "candid": candid, "pid": candid // 10**6, "rcid": rcid, "fid": fid}


def _place(owner: Array, index: Array, rng: np.random.Generator) -> Rows:
    """ra, dec (deg), scattered by 0.1 arcsec; one object in 200 stands on RA 0."""
    centre = np.where(index % 200 == 7, 0.0, rng.uniform(0, 360, len(index)))
    height = np.degrees(np.arcsin(rng.uniform(-0.5, 0.99, len(index))))
    ra = centre[owner] + rng.normal(0, 0.1 / 3600, len(owner)) / np.cos(np.radians(height[owner]))
    dec = height[owner] + rng.normal(0, 0.1 / 3600, len(owner))
    return {"ra": np.round(ra % 360, 7) % 360, "dec": np.round(dec, 7)}


def _brightness(owner: Array, jd: Array, fid: Array, rng: np.random.Generator) -> Rows:
    """magpsf, sigmapsf and isdiffpos: a sine a object and noise; objects of one sign and of both, in both codings."""
    objects = int(owner[-1]) + 1
    level, colour = rng.uniform(15.5, 20.5, objects), rng.normal(0.4, 0.4, objects)
    swing, period = rng.exponential(0.4, objects), rng.lognormal(1.5, 1.5, objects)
    phase = 2 * np.pi * (jd - NIGHT_ZERO) / period[owner]
    error = 0.01 + 0.12 * rng.random(len(owner)) * 10 ** (0.2 * (level[owner] - 19))
    mag = level[owner] + colour[owner] * (fid == 1) + swing[owner] * np.sin(phase) + rng.normal(0, error)
    share = rng.choice([0.0, 0.5, 0.9, 1.0], objects, p=[0.05, 0.25, 0.3, 0.4])
    positive = rng.random(len(owner)) < share[owner]
    digits = rng.random(len(owner)) < 0.1
    sign = np.where(digits, np.where(positive, b"1", b"0"), np.where(positive, b"t", b"f"))
    return {"magpsf": mag, "sigmapsf": error, "isdiffpos": sign}


def _neighbours(owner: Array, index: Array, alert: Array, rng: np.random.Generator) -> Rows:
    """The nearest PS1 source (-999 where there is none) and minor planet of each alert."""
    objects, missing = len(index), ~alert
    none = rng.random(objects) < 0.06
    rows: Rows = {}
    for name, (low, high) in {"srmag1": (12.0, 21.5), "sgscore1": (0.0, 1.0), "distpsnr1": (0.05, 13.5)}.items():
        rows[name] = np.where(none, -999.0, rng.uniform(low, high, objects))[owner]
    rows["sgscore1"] = np.where(index[owner] % 25 == 3, 0.0, rows["sgscore1"])
    rows["sgmag1"] = np.where(none | (rng.random(objects) < 0.06), -999.0, rng.uniform(13, 21.3, objects))[owner]
    for rank in "123":
        rows[f"objectidps{rank}"] = np.where(none, -999, rng.integers(8 * 10**16, 2 * 10**17, objects))[owner]
    planet = (index % 60 == 11)[owner]
    names = np.char.add(np.char.add(b"(", (100_000 + index).astype("S6")), b")2001QA")[owner]
    rows["ssnamenr"] = np.where(planet, names, b"null")
    rows["ssdistnr"] = np.where(planet, rng.uniform(0, 28, len(owner)), -999.0)
    rows["ssmagnr"] = np.where(planet, rng.uniform(15, 21.7, len(owner)), -999.0)
    for name in ("neargaiabright", "maggaiabright"):
        rows[name] = np.full(len(owner), -999.0)
    return {name: np.ma.array(values, mask=missing) for name, values in rows.items()}


def _origin(rows: Rows, total: int) -> Rows:
    """Where a detection came from: programme, field and file."""
    field = 245 + rows["pid"] % 600
    names = np.char.add(np.char.add(b"/sim/", rows["pid"].astype("S20")), b"_scimrefdiffimg.fits.fz")
    return {
        "field": field, "programid": np.full(total, 1), "programpi": np.full(total, b"Kulkarni"),
        "rbversion": np.full(total, b"t17_f5_c3"), "exptime": np.full(total, 30.0), "pdiffimfilename": names,
        "rfid": np.ma.array(field * 10**6 + 120, mask=np.ma.getmaskarray(rows["ndethist"])),
    }  # fmt: skip
