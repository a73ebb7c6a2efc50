"""Writes the golden set, features/ztf/golden.json.gz: `python tests/features/golden_set.py`.

Simulated light curves with the quirks of real ones, and their features by the scalar reference beside this file.
Nothing of the code under test is imported. JSON, gzipped:
    columns   names of a row's values, without the objectid, which comes first
    rows      one a detection, in no order; null where a value is missing
    features  names of an object's values
    values    {window in days, or "all": {objectid: [values]}}, null where missing
"""

import gzip
import json
import random
from pathlib import Path
from typing import Any

import reference

FILE = Path(__file__).parents[2] / "features" / "ztf" / "golden.json.gz"
COLUMNS = (
    *("jd", "candid", "dec", "distpsnr1", "drb", "fid", "isdiffpos", "magpsf", "nid", "ra", "rb", "sgmag1", "sgscore1"),
    *("sigmapsf", "srmag1", "ssnamenr"),
)
WINDOWS = ("30", "all")
LENGTHS = (1, 1, 2, 2, 3, 4, 6, 9, 14, 22, 40, 90)
OBJECTS = 48


def light_curve(seed: int) -> list[dict[str, Any]]:
    """One object: of one band or of all, of one sign or of both, somewhere or on RA 0, with nulls or without."""
    draw = random.Random(seed)
    filters = draw.choice([(1,), (2,), (1, 2), (1, 2), (1, 2, 3)])
    signs = draw.choice(["t", "t1", "ttttf", "tf10", "f"])
    nulls = draw.choice([0.0, 0.0, 0.1, 0.4])
    ra, dec = draw.choice([0.0, draw.uniform(0, 360)]), draw.uniform(-85, 85)
    level, swing = draw.uniform(15, 20), draw.uniform(0, 1.5)
    planet = draw.random() < 0.1
    days = [0.0, *(draw.expovariate(1 / 25) for _ in range(LENGTHS[seed % len(LENGTHS)] - 1))]
    rows = []
    for number, day in enumerate(sorted(days)):
        again = rows and draw.random() < 0.1
        jd = rows[-1]["jd"] if again else round(2459000.6 + day + draw.random() / 5, 7)
        alert = draw.random() < 0.4
        row = {
            "jd": jd,
            "candid": 10**15 * (seed + 1) + number,
            "nid": int(jd - 2457754.5),
            "fid": draw.choice(filters),
            "isdiffpos": draw.choice(signs),
            "ra": round((ra + draw.gauss(0, 3e-5)) % 360, 7),
            "dec": round(dec + draw.gauss(0, 3e-5), 7),
            "magpsf": round(level + swing * draw.gauss(0, 1), 4),
            "sigmapsf": round(draw.uniform(0.01, 0.2), 4),
            "rb": round(draw.uniform(0.4, 1), 4),
            "drb": round(draw.random(), 4) if alert else None,
            "sgmag1": draw.choice([-999.0, round(draw.uniform(13, 22), 4)]) if alert else None,
            "srmag1": draw.choice([-999.0, round(draw.uniform(13, 22), 4)]) if alert else None,
            "sgscore1": draw.choice([0.0, round(draw.random(), 4)]) if alert else None,
            "distpsnr1": round(draw.uniform(0, 13), 4) if alert else None,
            "ssnamenr": ("(182319)2001OA98" if planet else "null") if alert else None,
        }
        rows.append({name: None if _may_lack(name) and draw.random() < nulls else row[name] for name in row})
    return rows


def _may_lack(name: str) -> bool:
    return name not in ("jd", "candid", "nid")


def golden_set() -> dict[str, Any]:
    """The whole set, as it stands in the file."""
    objects = {f"ZTF98aaaaa{chr(97 + seed // 26)}{chr(97 + seed % 26)}": light_curve(seed) for seed in range(OBJECTS)}
    rows = [[name, *(row[column] for column in COLUMNS)] for name, several in objects.items() for row in several]
    random.Random(0).shuffle(rows)
    values = {
        window: {
            name: reference.features(name, several, None if window == "all" else float(window))
            for name, several in objects.items()
        }
        for window in WINDOWS
    }
    names = [name for name in next(iter(values["all"].values())) if name != "objectId"]
    return {
        "columns": list(COLUMNS),
        "rows": rows,
        "features": names,
        "values": {
            window: {object_id: [row[name] for name in names] for object_id, row in found.items()}
            for window, found in values.items()
        },
    }


def read() -> dict[str, Any]:
    """The set as it was last written."""
    return dict(json.loads(gzip.decompress(FILE.read_bytes())))


if __name__ == "__main__":
    FILE.write_bytes(gzip.compress(json.dumps(golden_set(), separators=(",", ":")).encode(), mtime=0))
