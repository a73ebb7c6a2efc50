"""Rows of LSST's three tables as the code under test has them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from lsst_curves import Object

import features
from features.curves import LightCurves
from features.declare import Table

SURVEY = features.survey("lsst")
NARROW = {"bigint": np.int64, "int": np.int32, "double": np.float64, "float": np.float32, "ascii": object}


def curves_of(objects: Mapping[int, Object]) -> LightCurves:
    """Columns as Cassandra's driver gives them: narrow types, masked where null."""
    names = [table.name for table in SURVEY.tables]
    told: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for key, each in objects.items():
        for name, rows in zip(names, (each.sources, each.forced, [each.row] if each.row else []), strict=True):
            told[name] += [{**row, "diaObjectId": key} for row in rows]
    made = {table.name: _table(table, told[table.name]) for table in SURVEY.tables}
    curves = made.pop(names[0])
    order = [objects[key] for key in curves.object_id.tolist()]
    given = {
        "ebv": np.array([each.ebv for each in order], np.float64),
        "sherlock": np.array([each.sherlock for each in order], object),
    }
    return replace(curves, others={name: rows.of(curves.object_id) for name, rows in made.items()}, given=given)


def _table(table: Table, rows: Sequence[Mapping[str, Any]]) -> LightCurves:
    columns = {}
    for name in SURVEY.reads[table.name]:
        dtype = np.dtype(NARROW[table.typed[name].cql])
        missing = [row.get(name) is None for row in rows]
        filled = [
            ("" if dtype.hasobject else 0) if null else row[name] for row, null in zip(rows, missing, strict=True)
        ]
        columns[name] = np.ma.MaskedArray(np.array(filled, dtype), np.array(missing, bool))
    return LightCurves.from_rows(np.ma.getdata(columns.pop("diaObjectId")), columns, table.clustering)
