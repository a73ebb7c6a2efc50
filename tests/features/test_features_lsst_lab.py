"""Nulls and NaN of LSST's rows on their way through Cassandra: a flux that is null is none, one that is NaN is one."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from keyspace import PROGRAM, WORKER, admin, own_keyspace, settings_for
from lsst_columns import curves_of
from lsst_curves import Object, odd, source
from provisioning import answer

from features import survey
from features.batch import compute
from features.given import Given
from features.schema import cql_name
from features.text import csv_text

pytestmark = pytest.mark.lab
LSST = survey("lsst")
RING = f"--range={-(2**63)}:{2**63 - 1}"
PARTLY = [source(1, 61000.0, "g", 5.0), source(2, 61000.01, "g", None), source(3, 61000.02, "r", math.nan)]
OBJECTS: dict[int, Object] = {
    1: Object([source(1, 61000.0, "g", None)]),
    2: Object([source(1, 61000.0, "g", math.nan)]),
    3: Object(PARTLY, [{"midpointMjdTai": 60999.0, "band": "g", "psfFlux": None}]),
    4: Object(PARTLY[:2], [{"midpointMjdTai": 60999.0, "band": None, "psfFlux": math.nan}], row=None),
    **{10**17 + seed: odd(seed) for seed in range(60)},
}


def literal(value: Any) -> str:
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    return {None: "null"}.get(value, repr(value))


def insert(keyspace: str, table: str, row: Mapping[str, Any]) -> str:
    names, values = ", ".join(map(cql_name, row)), ", ".join(map(literal, row.values()))
    return f"INSERT INTO {keyspace}.{table} ({names}) VALUES ({values})"


def rows(key: int, each: Object) -> list[tuple[str, dict[str, Any]]]:
    several = (each.sources, each.forced, [each.row] if each.row else [])
    tables = (table.name for table in LSST.tables)
    return [(table, {"diaObjectId": key, **row}) for table, of in zip(tables, several, strict=True) for row in of]


@pytest.mark.parametrize("as_lasair", [False, True])
def test_null_and_nan_come_out_of_cassandra_as_they_went_in(provisioned: None, as_lasair: bool) -> None:
    fluxes = [row["psfFlux"] for each in OBJECTS.values() for row in each.sources]
    assert sum(flux is None for flux in fluxes) > 20
    assert sum(flux is not None and math.isnan(flux) for flux in fluxes) > 20
    with own_keyspace(tables=LSST.tables) as keyspace, settings_for(keyspace) as settings:
        with admin() as table:
            for name, row in (each for key, told in OBJECTS.items() for each in rows(key, told)):
                table.execute(insert(keyspace, name, row))
        out = str(Path(settings).with_name("t.1.csv"))
        mode = "--as-lasair" if as_lasair else ""
        options = f"--survey lsst {mode} {RING} --window all --out {out} --cassandra {settings}"
        answer(WORKER, f"runuser -u farm -- {PROGRAM} {options}")
        found = answer(WORKER, f"cat {out}").splitlines()[1:]
        manifest = json.loads(answer(WORKER, f"cat {out[:-4]}.json"))
    mode_of = LSST.with_originals() if as_lasair else LSST
    wanted = csv_text(compute(mode_of, Given(LSST, {}).to(curves_of(OBJECTS)), None)).splitlines()
    assert sorted(found) == sorted(wanted)
    assert manifest["objects"] == len(OBJECTS)
