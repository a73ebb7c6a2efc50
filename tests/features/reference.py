"""The ZTF features again: plain, slow, one object and one row at a time, written from their definitions.

Nothing here is shared with the code under test.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
Vector = tuple[float, float, float]


def features(object_id: str, rows: Sequence[Row], window: float | None = None) -> dict[str, Any]:
    """Every feature of one object; None where it is missing."""
    rows = sorted((row for row in rows if known(row, "candid")), key=lambda row: (row["jd"], row["candid"]))
    if rows and window is not None:
        latest = max(row["jd"] for row in rows)
        rows = [row for row in rows if latest - row["jd"] < window]
    g = [row for row in rows if row.get("fid") == 1]
    r = [row for row in rows if row.get("fid") != 1]
    found = {
        "objectId": object_id,
        **counts(rows),
        **position(rows),
        **colour(rows),
        **latest_values(rows),
        "jdgmax": greatest(g, "jd"),
        "jdrmax": greatest(r, "jd"),
    }
    for name, band in (("g", g), ("r", r)):
        found |= magnitudes(name, band) | slopes(name, band) | averages(name, band)
    return found


def known(row: Row, name: str) -> bool:
    value = row.get(name)
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def values(rows: Sequence[Row], name: str) -> list[float]:
    return [float(row[name]) for row in rows if known(row, name)]


def greatest(rows: Sequence[Row], name: str) -> float | None:
    return max(values(rows, name), default=None)


def positive(row: Row) -> bool:
    return row.get("isdiffpos") in ("t", "1")


def good(row: Row) -> bool:
    return any(known(row, name) and float(row[name]) > 0.75 for name in ("rb", "drb"))


def counts(rows: Sequence[Row]) -> dict[str, Any]:
    chosen = [row for row in rows if good(row) and positive(row)]
    latest = greatest(rows, "jd")
    ages = [latest - row["jd"] for row in chosen if latest is not None]
    return {
        "ncand": len(rows),
        "jdmin": min(values(rows, "jd"), default=None),
        "jdmax": latest,
        "ncandgp": len(chosen),
        "ncandgp_7": sum(age < 7 for age in ages),
        "ncandgp_14": sum(age < 14 for age in ages),
    }


def position(rows: Sequence[Row]) -> dict[str, Any]:
    ra, dec = values(rows, "ra"), values(rows, "dec")
    unwrapped = []
    for value in ra:
        while value - ra[0] > 180:
            value -= 360
        while value - ra[0] < -180:
            value += 360
        unwrapped.append(value)
    ra_mean, ra_deviation = moments(unwrapped)
    dec_mean, dec_deviation = moments(dec)
    if ra_mean is not None:
        ra_mean %= 360
    found: dict[str, Any] = {
        "ramean": ra_mean,
        "decmean": dec_mean,
        "rastd": ra_deviation,
        "decstd": dec_deviation,
        "glonmean": None,
        "glatmean": None,
        "htm16": None,
    }
    if ra_mean is not None and dec_mean is not None:
        found["glonmean"], found["glatmean"] = galactic(ra_mean, dec_mean)
        found["htm16"] = htm(ra_mean, dec_mean, 16)
    return found


def moments(sample: Sequence[float]) -> tuple[float | None, float | None]:
    """Mean, and 3600 times the population standard deviation."""
    if not sample:
        return None, None
    mean = sample[0] + math.fsum(value - sample[0] for value in sample) / len(sample)
    variance = math.fsum((value - mean) ** 2 for value in sample) / len(sample)
    return mean, 3600 * math.sqrt(variance)


def unit(ra: float, dec: float) -> Vector:
    a, d = math.radians(ra), math.radians(dec)
    return math.cos(d) * math.cos(a), math.cos(d) * math.sin(a), math.sin(d)


def dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def normalised(a: Vector) -> Vector:
    length = math.sqrt(dot(a, a))
    return a[0] / length, a[1] / length, a[2] / length


def middle(a: Vector, b: Vector) -> Vector:
    return normalised((a[0] + b[0], a[1] + b[1], a[2] + b[2]))


def galactic(ra: float, dec: float) -> tuple[float, float]:
    """Longitude and latitude, by the three axes of the galactic system."""
    pole = unit(192.85948, 27.12825)
    node = normalised(cross((0.0, 0.0, 1.0), pole))
    third = cross(pole, node)
    p = unit(ra, dec)
    lon = math.degrees(math.atan2(dot(p, third), dot(p, node))) + 32.93192
    return lon % 360, math.degrees(math.asin(max(-1.0, min(1.0, dot(p, pole)))))


def roots() -> list[tuple[Vector, Vector, Vector]]:
    """S0 to S3, N0 to N3."""
    x, y, z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
    mx, my, mz = (-1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, -1.0)
    return [(x, mz, y), (y, mz, mx), (mx, mz, my), (my, mz, x), (x, z, my), (my, z, mx), (mx, z, y), (y, z, x)]


def children(triangle: tuple[Vector, Vector, Vector]) -> list[tuple[Vector, Vector, Vector]]:
    v0, v1, v2 = triangle
    w0, w1, w2 = middle(v1, v2), middle(v0, v2), middle(v0, v1)
    return [(v0, w2, w1), (v1, w0, w2), (v2, w1, w0), (w0, w1, w2)]


def inside(p: Vector, triangle: tuple[Vector, Vector, Vector]) -> float:
    """Positive inside, by how far; 0 on an edge."""
    a, b, c = triangle
    return min(dot(normalised(cross(u, v)), p) for u, v in ((a, b), (b, c), (c, a)))


def htm(ra: float, dec: float, level: int) -> int:
    p = unit(ra, dec)
    index, triangle = max(enumerate(roots(), 8), key=lambda each: inside(p, each[1]))
    for _ in range(level):
        child, triangle = max(enumerate(children(triangle)), key=lambda each: inside(p, each[1]))
        index = 4 * index + child
    return index


def htm_triangle(index: int, level: int) -> tuple[Vector, Vector, Vector]:
    triangle = roots()[(index >> (2 * level)) - 8]
    for shift in range(2 * level - 2, -1, -2):
        triangle = children(triangle)[(index >> shift) & 3]
    return triangle


def magnitudes(name: str, band: Sequence[Row]) -> dict[str, Any]:
    mags = values(band, "magpsf")
    last = [float(row["magpsf"]) if known(row, "magpsf") else None for row in band[-1:]]
    return {
        f"mag{name}min": min(mags, default=None),
        f"mag{name}max": max(mags, default=None),
        f"mag{name}mean": math.fsum(mags) / len(mags) if mags else None,
        f"{name}mag": last[0] if last else None,
    }


def slopes(name: str, band: Sequence[Row]) -> dict[str, Any]:
    found: dict[str, Any] = {f"dmdt_{name}": None, f"dmdt_{name}_err": None, f"dmdt_{name}_2": None}
    if len(band) >= 2:
        p, q = band[-2:]
        if positive(p) and positive(q) and q["jd"] != p["jd"]:
            days = q["jd"] - p["jd"]
            if known(p, "magpsf") and known(q, "magpsf"):
                found[f"dmdt_{name}"] = (float(p["magpsf"]) - float(q["magpsf"])) / days
            if known(p, "sigmapsf") and known(q, "sigmapsf"):
                found[f"dmdt_{name}_err"] = math.sqrt(float(p["sigmapsf"]) ** 2 + float(q["sigmapsf"]) ** 2) / days
    if len(band) >= 3:
        o, p = band[-3:-1]
        if positive(o) and positive(p) and p["jd"] != o["jd"] and known(o, "magpsf") and known(p, "magpsf"):
            found[f"dmdt_{name}_2"] = (float(p["magpsf"]) - float(o["magpsf"])) / (p["jd"] - o["jd"])
    return found


def averages(name: str, band: Sequence[Row]) -> dict[str, Any]:
    measured = [row for row in band if known(row, "magpsf")]
    found: dict[str, Any] = {}
    for days in (2, 8, 28):
        average = before = None
        for row in measured:
            mag = float(row["magpsf"])
            if average is None or before is None:
                average = mag
            else:
                f = math.exp(-(row["jd"] - before) / days)
                average = average * f + mag * (1 - f)
            before = row["jd"]
        found[f"mag_{name}{days:02}"] = average
    return found


def colour(rows: Sequence[Row]) -> dict[str, Any]:
    g: dict[int, tuple[float, float]] = {}
    r: dict[int, float] = {}
    for row in rows:
        if positive(row) and known(row, "magpsf") and known(row, "nid"):
            if row.get("fid") == 1:
                g[row["nid"]] = (float(row["magpsf"]), row["jd"])
            else:
                r[row["nid"]] = float(row["magpsf"])
    found: dict[str, Any] = {"g_minus_r": None, "jd_g_minus_r": None}
    for night, mag in r.items():
        if night in g:
            found = {"g_minus_r": g[night][0] - mag, "jd_g_minus_r": g[night][1]}
    return found


def latest_values(rows: Sequence[Row]) -> dict[str, Any]:
    found: dict[str, Any] = dict.fromkeys(("sgmag1", "srmag1", "sgscore1", "distpsnr1", "ssnamenr"))
    for row in rows:
        for name in found:
            if name in row:
                found[name] = row[name] if known(row, name) else None
    if found["ssnamenr"] == "null":
        found["ssnamenr"] = None
    return found
