"""Writes LSST's golden set, features/lsst/golden.json.gz: `python tests/features/lsst_golden_set.py`.

As golden_set.py, and besides:
    others    {table: {columns, rows}}, of the other tables
    given     {name: {object: value}}, what comes from outside Cassandra
    seeds     of the objects
    relative  {feature: relative difference that counts as none}, where that is not the usual one
Of the objects that are fitted, only those are in it whose fit no rounding decides.
"""

import gzip
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import lsst_reference
from lsst_curves import Object, explosion, nudged, odd

FILE = Path(__file__).parents[2] / "features" / "lsst" / "golden.json.gz"
TABLES = {
    "diaSources": ("midpointMjdTai", "diaSourceId", "band", "psfFlux", "reliability"),
    "diaForcedSources": ("midpointMjdTai", "band", "psfFlux"),
    "diaObjects": lsst_reference.COPIED,
}
FITS = tuple(f"BBB{name}" for name in ("RiseRate", "FallRate", "Temp", "PeakFlux", "PeakMJD", "PeakAbsMag"))
RELATIVE = 1e-4
ODD, FITTED = 40, 5


def values_of(each: Object) -> dict[str, Any]:
    return lsst_reference.features(each.row, each.sources, each.forced, each.ebv, each.sherlock)


def is_determined(each: Object) -> bool:
    """Whether fits of the same fluxes but for their last digits agree."""
    first, *several = ([values_of(one)[name] for name in FITS] for one in (each, *nudged(each)))
    return all(
        (a is None) is (b is None) and (a is None or math.isclose(a, b, rel_tol=RELATIVE / 10))
        for another in several
        for a, b in zip(first, another, strict=True)
    )


def select() -> dict[str, list[int]]:
    """Seeds of the objects that are in it."""
    plain = (n for n in range(1000) if is_finite(odd(n)) and values_of(odd(n))["BBBTemp"] is None)

    def fitted(fading: bool) -> Iterator[int]:
        for n in range(100):
            each = explosion(n, fading)
            found = values_of(each)
            if found["BBBTemp"] is not None and (found["BBBFallRate"] is not None) is fading and is_determined(each):
                yield n

    return {
        "odd": list(islice((n for n in plain if is_determined(odd(n))), ODD)),
        "rising": list(islice(fitted(False), FITTED)),
        "fading": list(islice(fitted(True), FITTED)),
    }


def objects(seeds: Mapping[str, Sequence[int]]) -> dict[int, Object]:
    found = [*map(odd, seeds["odd"])]
    found += [explosion(n, fading) for name, fading in (("rising", False), ("fading", True)) for n in seeds[name]]
    return dict(enumerate(found, start=10**17))


def is_finite(each: Object) -> bool:
    """Whether JSON can say it."""
    rows = [*each.sources, *each.forced, each.row or {}]
    return not any(isinstance(value, float) and math.isnan(value) for row in rows for value in row.values())


def golden_set(seeds: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """The whole set, as it stands in the file."""
    several = objects(seeds)
    tables = {
        name: {
            "columns": list(columns),
            "rows": [
                [key, *(row.get(column) for column in columns)]
                for key, each in several.items()
                for row in {"diaSources": each.sources, "diaForcedSources": each.forced}.get(name, [each.row or {}])
            ],
        }
        for name, columns in TABLES.items()
    }
    values = {key: values_of(each) for key, each in several.items()}
    names = list(values[10**17])
    return {
        "seeds": seeds,
        **tables.pop("diaSources"),
        "others": tables,
        "given": {
            "ebv": {str(key): each.ebv for key, each in several.items()},
            "sherlock": {str(key): each.sherlock for key, each in several.items()},
        },
        "features": names,
        "relative": dict.fromkeys(FITS, RELATIVE),
        "values": {"all": {str(key): [row[name] for name in names] for key, row in values.items()}},
    }


if __name__ == "__main__":
    FILE.write_bytes(gzip.compress(json.dumps(golden_set(select()), separators=(",", ":")).encode(), mtime=0))
