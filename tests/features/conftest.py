"""Real light curves, and the comparison that all tests of features make."""

import math
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

ZTF = Path(__file__).parent.parent.parent.parent / "shared" / "data" / "ztf"
TABLES = ("candidates", "candidates_as_stored")


@pytest.fixture(scope="session")
def real_rows() -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Table to objectId to its detections, in the file's order."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for table in TABLES:
        objects = found.setdefault(table, {})
        for row in pq.read_table(ZTF / f"{table}.parquet").to_pylist():
            objects.setdefault(row["objectid"], []).append(row)
    return found


def unlike(
    expected: dict[str, Any], found: dict[str, Any], relative: float = 1e-9, absolute: float = 0.0
) -> dict[str, tuple[Any, Any]]:
    """The features that differ: both values. Integers, strings and what is missing must be the same."""
    return {
        name: (value, found[name])
        for name, value in expected.items()
        if not _alike(value, found[name], relative, absolute)
    }


def _alike(expected: Any, found: Any, relative: float, absolute: float) -> bool:
    if type(expected) is not type(found):
        return False
    if isinstance(expected, float):
        return math.isclose(expected, found, rel_tol=relative, abs_tol=absolute)
    return bool(expected == found)
