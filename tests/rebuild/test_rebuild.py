"""A task from light curves to its part, without a cluster."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from memory_table import MemoryTable

from farm.parts import Expected, Manifest, check
from farm.seed.simulate import light_curves
from features import survey
from features.batch import compute
from features.curves import LightCurves
from features.given import Given
from features.rebuild.errors import CassandraError
from features.rebuild.pages import FIRST_TOKEN, LAST_TOKEN, Range
from features.rebuild.progress import Progress
from features.rebuild.rebuild import Done, Limits, rebuild
from features.schema import header, schema_hash
from features.text import csv_text

ALL = Range(FIRST_TOKEN, LAST_TOKEN)
ZTF = survey("ztf")


def column(values: Any) -> Any:
    """A simulated column as the driver's reader gives it."""
    data = np.ma.getdata(values)
    missing = np.ma.getmaskarray(values)
    if data.dtype.kind == "S":
        return np.where(missing, None, data.astype(str).astype(object))
    return np.where(missing, np.nan, data) if missing.any() else data


@pytest.fixture
def table() -> MemoryTable:
    """Two hundred simulated objects."""
    chunk = next(light_curves(ZTF, 200, 4000, 3))["candidates"]
    columns = {name: column(chunk[name]) for name in ZTF.inputs if name != "objectid"}
    names, counts = np.unique(column(chunk["objectid"]).astype(str), return_counts=True)
    return MemoryTable(dict(zip(names.tolist(), counts.tolist(), strict=True)), columns)


def run(table: MemoryTable, out: Path, wanted: Any = ALL, limits: Limits | None = None, window: Any = 30) -> Done:
    return rebuild(table, ZTF, wanted, window, out, limits or Limits(), "LOCAL_QUORUM", Progress(None), Given(ZTF, {}))


def test_a_part_holds_the_features_of_every_object(table: MemoryTable, tmp_path: Path) -> None:
    done = run(table, tmp_path / "t.1.csv")
    curves = LightCurves.from_ordered(table.names, table.columns)
    expected = ",".join(header(ZTF)) + "\n" + csv_text(compute(ZTF, curves, 30))
    assert (tmp_path / "t.1.csv").read_text() == expected
    assert (done.rows, done.objects, done.unread, done.failures) == (4000, 200, {}, [])


@pytest.mark.parametrize("limits", [Limits(page=7), Limits(reads=1), Limits(reads=9, page=333)])
def test_the_part_is_the_same_however_it_is_read(table: MemoryTable, tmp_path: Path, limits: Limits) -> None:
    run(table, tmp_path / "a.csv")
    run(table, tmp_path / "b.csv", limits=limits)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_the_manifest_is_what_the_head_checks(
    table: MemoryTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"RUN": "r", "TASK": "t", "ATTEMPT": "2", "ENV": "lab"}.items():
        monkeypatch.setenv(f"FARM_{name}", value)
    run(table, tmp_path / "t.2.csv", window="all")
    expected = Expected("r", "lab", "all", "unreleased", schema_hash(ZTF), "t", 2, (FIRST_TOKEN, LAST_TOKEN))
    part = check(tmp_path / "t.2.json", expected)
    assert part.manifest.objects == 200
    assert part.manifest.rows == 4000
    assert part.manifest.consistency == "LOCAL_QUORUM"
    assert set(json.loads((tmp_path / "t.2.json").read_text())) == set(Manifest.__annotations__)


def test_parts_of_two_halves_are_the_part_of_the_whole(table: MemoryTable, tmp_path: Path) -> None:
    run(table, tmp_path / "whole.csv")
    run(table, tmp_path / "low.csv", Range(FIRST_TOKEN, 0))
    run(table, tmp_path / "high.csv", Range(0, LAST_TOKEN))
    first, low, high = ((tmp_path / f"{name}.csv").read_text().splitlines() for name in ("whole", "low", "high"))
    assert first == low + high[1:]


def test_what_cannot_be_read_stands_in_the_manifest_and_not_in_the_csv(table: MemoryTable, tmp_path: Path) -> None:
    names = sorted(table.curves)
    done = run(table, tmp_path / "t.1.csv", [*names[:10], "ZTF99nothing"])
    assert done.objects == 10
    manifest = json.loads((tmp_path / "t.1.json").read_text())
    assert (manifest["unread"], manifest["range"]) == (["ZTF99nothing"], None)
    assert [line.split(",")[0] for line in sorted((tmp_path / "t.1.csv").read_text().splitlines()[1:])] == names[:10]


def test_no_rows_where_rows_are_is_an_error_and_leaves_no_part(table: MemoryTable, tmp_path: Path) -> None:
    table.silent = True
    with pytest.raises(CassandraError, match="the driver lost them"):
        run(table, tmp_path / "t.1.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_range_without_objects_gives_a_part_without_rows(tmp_path: Path) -> None:
    done = run(MemoryTable({}, {}), tmp_path / "t.1.csv")
    assert (done.rows, done.objects) == (0, 0)
    assert (tmp_path / "t.1.csv").read_text() == ",".join(header(ZTF)) + "\n"
