"""The LSST features again: plain, slow, one object and one row at a time, written from their definitions.

Nothing here is shared with the code under test.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import reference
from scipy.optimize import leastsq

Row = Mapping[str, Any]
BANDS = "ugrizy"
MICRON = dict(zip(BANDS, (0.380, 0.500, 0.620, 0.740, 0.880, 1.000), strict=True))
DUST = dict(zip(BANDS, (4.145, 3.237, 2.273, 1.684, 1.323, 1.088), strict=True))
COPIED = (
    *("ra", "decl", "nDiaSources", "validityStartMjdTai", "raErr", "decErr", "ra_dec_Cov"),
    *(
        f"{band}_{name}"
        for band in BANDS
        for name in (
            *("psfFluxMean", "psfFluxMeanErr", "psfFluxSigma", "psfFluxNdata", "fpFluxMean", "fpFluxMeanErr"),
            *("scienceFluxMean", "scienceFluxMeanErr", "psfFluxMin", "psfFluxMax", "psfFluxMaxSlope"),
            "psfFluxErrMean",
        )
    ),
)


def features(
    diaobject: Row | None,
    sources: Sequence[Row],
    forced: Sequence[Row],
    ebv: float | None,
    sherlock: str | None,
    as_lasair: bool = False,
) -> dict[str, Any]:
    """Every feature of one object; None where it is missing."""
    order = sorted(sources, key=lambda row: (row["midpointMjdTai"], row["diaSourceId"]))
    rows = [row for row in order if row["psfFlux"] is not None]
    forced = sorted((row for row in forced if row["psfFlux"] is not None), key=lambda row: row["midpointMjdTai"])
    host = json.loads(sherlock) if sherlock is not None else None
    if host is not None and host["classification"] not in ("SN", "NT", "ORPHAN"):
        host = None
    dust = ebv if ebv is not None else (0.0 if as_lasair else None)
    found = {
        **copied(diaobject or {}),
        **counting(rows),
        **latest(rows),
        **place(diaobject or {}),
        **jump(rows, as_lasair),
        **absolute(rows, dust, host, as_lasair),
        **pairs(rows, dust, as_lasair),
        **explosion(rows, forced, ebv, host, as_lasair),
        "ebv": dust,
    }
    return {name: finite(value) for name, value in found.items()}


def finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def is_number(value: Any) -> bool:
    return value is not None and not math.isnan(value)


def copied(diaobject: Row) -> dict[str, Any]:
    return {name: diaobject.get(name) for name in COPIED}


def counting(rows: Sequence[Row]) -> dict[str, Any]:
    times = [row["midpointMjdTai"] for row in rows]
    told = sorted(row["reliability"] for row in rows if is_number(row["reliability"]))
    positive = [row for row in rows if row["psfFlux"] > 0]
    return {
        "firstDiaSourceMjdTai": min(times, default=None),
        "lastDiaSourceMjdTai": max(times, default=None),
        "medianR": (told[(len(told) - 1) // 2] + told[len(told) // 2]) / 2 if told else None,
        "latestR": rows[-1]["reliability"] if rows else None,
        "nSourcesGood": sum(value > 0.5 for value in told),
        "nPosDiaSources": len(positive),
        "nPosDiaSourcesNights": len({math.trunc(row["midpointMjdTai"] + 0.5) for row in positive}),
        **{f"n{band}Sources": sum(row["band"] == band for row in rows) for band in BANDS},
    }


def latest(rows: Sequence[Row]) -> dict[str, Any]:
    found = {"latest_psfFlux": rows[-1]["psfFlux"] if rows else None}
    for band in BANDS:
        last = [row for row in rows if row["band"] == band][-1:]
        found[f"{band}_psfFlux"] = last[0]["psfFlux"] if last else None
        found[f"{band}_latestMJD"] = last[0]["midpointMjdTai"] if last else None
    return found


def place(diaobject: Row) -> dict[str, Any]:
    ra, decl = diaobject.get("ra"), diaobject.get("decl")
    if ra is None or decl is None:
        return {"glat": None, "htm16": 0}
    north, a, d = math.radians(27.1283), math.radians(ra - 192.85948), math.radians(decl)
    sine = math.sin(north) * math.sin(d) + math.cos(north) * math.cos(d) * math.cos(a)
    return {"glat": math.degrees(math.asin(sine)), "htm16": reference.htm(ra, decl, 16)}


def jump(rows: Sequence[Row], as_lasair: bool) -> dict[str, Any]:
    several = []
    for band in BANDS:
        greatest = 0.0
        ages = [
            (rows[-1]["midpointMjdTai"] - row["midpointMjdTai"], row["psfFlux"]) for row in rows if row["band"] == band
        ]
        base = [flux for age, flux in ages if 10 < age < 70]
        recent = [flux for age, flux in ages if (age > 0 if as_lasair else age >= 0) and age < 10]
        if len(base) >= 5:
            mean = math.fsum(base) / len(base)
            deviation = math.sqrt(math.fsum((flux - mean) ** 2 for flux in base) / (len(base) - 1))
            if deviation > 0:
                for flux in recent:
                    away = abs(flux - mean) / deviation
                    greatest = away if away > greatest else greatest
        several.append(greatest)
    several.sort()
    return {"jump1": several[-1], "jump2": several[-2]}


def clear(row: Row, ebv: float | None) -> float:
    """The flux without extinction; NaN where it is not known."""
    if ebv is None or row["band"] not in DUST:
        return math.nan
    exponent = np.float32(np.float32(ebv) * np.float32(DUST[row["band"]])) / np.float32(2.5)
    return float(row["psfFlux"]) * math.pow(10.0, float(exponent))


def distance_modulus(z: float | None) -> float | None:
    """None where the definition fails."""
    try:
        matter, vacuum, radiation = 0.3, 0.7, 4.165e-5 / 0.49
        curvature = 1 - matter - vacuum - radiation
        a0 = 1 / (1 + z)
        total = 0.0
        for i in range(1000):
            a = a0 + (1 - a0) * (i + 0.5) / 1000
            total += 1 / (a * math.sqrt(curvature + matter / a + radiation / a**2 + vacuum * a**2))
        distance = (1 - a0) / 1000 * total
        x = math.sqrt(abs(curvature)) * distance
        y = -x * x
        bend = math.sin(x) / x if x > 0.1 else 1 + y / 6 + y * y / 120
        return 5 * math.log10(299792.458 / 70 * bend * distance * (1 + z) * 1e6) - 5
    except (ArithmeticError, ValueError, TypeError):
        return None


def redshift(host: Row, as_lasair: bool) -> float | None:
    """None where there is none, or it is 0."""
    if as_lasair:
        return (host["z"] if "z" in host else host.get("photoz")) or None
    return host.get("z") or host.get("photoZ") or None


def absolute(rows: Sequence[Row], ebv: float | None, host: Row | None, as_lasair: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"absMag": None, "absMagMJD": None}
    if host is None:
        return found
    z, distance = redshift(host, as_lasair), host.get("best_distance")
    if distance is not None:
        modulus = 5 * math.log10(1e6 * distance) - 5 if distance > 0 else None
    else:
        modulus = distance_modulus(z)
        modulus = None if modulus is None or z is None else modulus - 2.5 * math.log10(1 + z)
    for row in rows:
        flux = clear(row, ebv)
        if modulus is not None and flux > 0:
            mag = 31.4 - 2.5 * math.log10(flux) - modulus
            if found["absMag"] is None or mag < found["absMag"]:
                found = {"absMag": mag, "absMagMJD": row["midpointMjdTai"]}
    return found


def planck(band: str, temperature: float) -> float:
    return MICRON[band] ** -3 / (math.exp(14.387 / (MICRON[band] * temperature)) - 1)


def planck_slope(band: str, temperature: float) -> float:
    x = 14.387 / (MICRON[band] * temperature)
    return MICRON[band] ** -3 * (x / temperature) * math.exp(x) / (math.exp(x) - 1) ** 2


def temperature_of(blue: str, red: str, ratio: float) -> float | None:
    t = 12.0
    try:
        for _ in range(50):
            value = planck(blue, t) - ratio * planck(red, t)
            step = value / (planck_slope(blue, t) - ratio * planck_slope(red, t))
            t -= step
            if abs(step) < 0.001:
                return t
            if t < 0:
                return None
    except ArithmeticError:
        pass
    return None


def pairs(rows: Sequence[Row], ebv: float | None, as_lasair: bool) -> dict[str, Any]:
    rows = [row for row in rows if row["band"] in DUST]
    hits = [
        (q, p)
        for q, p in zip(rows[:0:-1], rows[-2::-1], strict=True)
        if q["midpointMjdTai"] - p["midpointMjdTai"] < 40 / 1440 and p["band"] != q["band"]
    ]
    found: dict[str, Any] = {}
    for number, name in enumerate(("latestPair", "penultimatePair")):
        mjd = mag = names = temperature = None
        if len(hits) > number:
            q, p = hits[number]
            blue, red = sorted((q, p), key=lambda row: BANDS.index(row["band"]))
            above, below = clear(blue, ebv), clear(red, ebv)
            if not (as_lasair and q is blue) and below != 0 and above / below > 0 and math.isfinite(above / below):
                temperature = temperature_of(blue["band"], red["band"], above / below)
                if temperature is not None:
                    mjd, mag = q["midpointMjdTai"], -2.5 * math.log10(above / below)
                    names = f"{blue['band']}-{red['band']}"
        found |= {
            f"{name}MJD": mjd,
            f"{name}ColourMag": mag,
            f"{name}ColourBands": names,
            f"{name}ColourTemp": temperature,
        }
    return found


def explosion(
    rows: Sequence[Row], forced: Sequence[Row], ebv: float | None, host: Row | None, as_lasair: bool
) -> dict[str, Any]:
    names = ("BBBTemp", "BBBRiseRate", "BBBFallRate", "BBBPeakFlux", "BBBPeakMJD", "BBBPeakAbsMag")
    found: dict[str, Any] = dict.fromkeys(names)
    rows, forced = (
        [row for row in table if row["band"] in DUST and (as_lasair or not math.isnan(row["psfFlux"]))]
        for table in (rows, forced)
    )
    if host is None or ebv is None or len(rows) < 5:
        return found
    first = rows[0]["midpointMjdTai"]
    curve = [*[row for row in forced if row["midpointMjdTai"] < first][-4:], *rows]
    x = np.array([row["midpointMjdTai"] - first for row in curve])
    f = np.array([clear(row, ebv) for row in curve])
    w = np.array([MICRON[row["band"]] for row in curve])
    with np.errstate(all="ignore"):
        fit = fitted(x, f, w, as_lasair)
    if fit is None:
        return found
    if len(fit) == 3:
        found["BBBTemp"], found["BBBRiseRate"] = fit[1], fit[2]
        return found
    a, t, t0, kr, kf = fit
    found["BBBTemp"], found["BBBRiseRate"], found["BBBFallRate"] = t, kr, kf
    if as_lasair:
        found["BBBPeakMJD"] = first
    if kf <= 0 or kf >= kr:
        return found
    v = -math.log(kf / (kr - kf)) / kr
    peak = a * max(planck(band, t) for band in BANDS) * math.exp(-kf * v) / (1 + math.exp(-kr * v))
    found["BBBPeakFlux"], found["BBBPeakMJD"] = peak, first + t0 + v
    z = redshift(host, as_lasair)
    modulus = distance_modulus(z)
    if peak > 0 and modulus is not None and z is not None:
        stretch = math.log(1 + z) if as_lasair else math.log10(1 + z)
        found["BBBPeakAbsMag"] = 31.4 - 2.5 * math.log10(peak) - modulus + 2.5 * stretch
    return found


def fitted(x: Any, f: Any, w: Any, as_lasair: bool) -> list[float] | None:
    """The parameters of the model that is taken: three of the exponential, five of Bazin's curve."""

    def black_body(t: float) -> Any:
        return w**-3.0 / (np.exp(14.387 / (w * t)) - 1)

    def rising(p: Any) -> Any:
        return p[0] * black_body(p[1]) * np.exp(p[2] * x)

    def both(p: Any) -> Any:
        return p[0] * black_body(p[1]) * np.exp(-p[4] * (x - p[2])) / (1 + np.exp(-p[3] * (x - p[2])))

    for a, t, t0, kr, kf in ((100.0, 4.0, 6.0, 0.1, 0.01), (1000.0, 4.0, -5.0, 0.01, 0.01)):
        one = attempt(rising, [a, t, kr - kf], f, 0.35)
        if one is not None:
            (_, temperature, k), cov, aic = one
            if (
                k < 0
                or k > 2
                or cov is None
                or 10 * np.sqrt(cov[2, 2]) > k
                or (not as_lasair and not np.isfinite([temperature, k, aic]).all())
            ):
                one = None
        two = attempt(both, [a, t, t0, kr, kf], f, 0.25)
        if two is not None:
            (_, temperature, _, rise, fall), _, aic = two
            if (
                rise < 0
                or fall < 0
                or rise > 15
                or fall > 2
                or (not as_lasair and not np.isfinite([temperature, rise, aic]).all())
            ):
                two = None
        if one is not None and two is not None:
            return list((one if one[2] < two[2] else two)[0])
        if one is not None or two is not None:
            return list((one or two or [[]])[0])
    return None


def attempt(
    model: Callable[[Any], Any], start: list[float], f: Any, worst: float
) -> tuple[list[float], Any, float] | None:
    p, cov, info, _, _ = leastsq(
        lambda p: f - model(p), start, full_output=True, ftol=1.49012e-8, xtol=1.49012e-8, gtol=0.0, maxfev=500
    )
    left = float(np.sum((f - model(p)) ** 2))
    if info["nfev"] >= 500 or left == 0 or left / np.sum((f - np.mean(f)) ** 2) > worst:
        return None
    return [float(value) for value in p], cov, float(100 + len(f) * np.log(left / len(f)) + 2 * len(start))
