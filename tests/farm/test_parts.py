"""Parts against their manifests, and ranges against the ring."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from farm.errors import PartsError
from farm.parts import FIRST_TOKEN, LAST_TOKEN, Expected, check, cover_ring
from farm.plan import cut

CSV = b"objectId,x\nZTF1,1.0\nZTF2,\\N\n"
EXPECTED = Expected(
    run="r", environment="lab", window=30, release="d", schema="s", task="t1", attempt=1, range=(-5, 5), as_lasair=False
)


def write(folder: Path, csv: bytes = CSV, **changes: Any) -> Path:
    manifest = {
        "format": 1, "run": "r", "task": "t1", "attempt": 1, "environment": "lab", "range": [-5, 5], "window": 30,
        "rows": 60, "objects": 2, "unread": ["ZTF3"], "sha256": hashlib.sha256(csv).hexdigest(), "release": "d",
        "schema": "s", "read_at": "2026-01-01T00:00:00+00:00", "consistency": "LOCAL_QUORUM",
    }  # fmt: skip
    manifest |= changes
    folder.joinpath("t1.1.csv").write_bytes(csv)
    path = folder / "t1.1.json"
    path.write_text(json.dumps({key: value for key, value in manifest.items() if value is not ...}))
    return path


def test_a_part_that_is_as_it_says_is_taken(tmp_path: Path) -> None:
    part = check(write(tmp_path), EXPECTED)
    assert (part.manifest.objects, part.manifest.unread, part.size) == (2, ("ZTF3",), len(CSV))


@pytest.mark.parametrize(
    ("field", "value"),
    [("run", "q"), ("task", "t2"), ("attempt", 2), ("environment", "prod"), ("range", [-5, 6]), ("window", "all"),
     ("release", "e"), ("schema", "z"), ("as_lasair", True)],
)  # fmt: skip
def test_a_part_of_something_else_is_refused(tmp_path: Path, field: str, value: Any) -> None:
    with pytest.raises(PartsError, match=f"t1.1.json has {field}"):
        check(write(tmp_path, **{field: value}), EXPECTED)


def test_what_is_not_expected_is_not_compared(tmp_path: Path) -> None:
    assert check(write(tmp_path, release="other"), replace(EXPECTED, release=None)).manifest.release == "other"


def test_a_damaged_part_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.with_suffix(".csv").write_bytes(CSV.replace(b"1.0", b"1.1"))
    with pytest.raises(PartsError, match=r"t1\.1\.csv is damaged"):
        check(path, EXPECTED)


@pytest.mark.parametrize("csv", [CSV + b"ZTF4,2\n", CSV[:-1]])
def test_a_part_with_another_number_of_rows_is_refused(tmp_path: Path, csv: bytes) -> None:
    with pytest.raises(PartsError, match="rows, its manifest says 2"):
        check(write(tmp_path, csv), EXPECTED)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"format": 2}, "format 1"), ({"sha256": ...}, "lacks sha256"), ({"format": ...}, "format")],
)
def test_a_foreign_manifest_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PartsError, match=message):
        check(write(tmp_path, **changes), EXPECTED)


@pytest.mark.parametrize(
    ("field", "value"),
    [("range", "x"), ("range", [1]), ("range", ["a", "b"]), ("range", 5), ("range", [0, 2**64]), ("unread", None),
     ("unread", 5), ("unread", [1]), ("given", None), ("schema", None), ("window", None), ("window", "30"),
     ("window", True), ("release", None), ("run", None), ("objects", "5"), ("rows", 1.5), ("as_lasair", "x")],
)  # fmt: skip
def test_a_value_of_another_kind_is_refused_by_its_name(tmp_path: Path, field: str, value: Any) -> None:
    path = write(tmp_path, **{field: value})
    with pytest.raises(PartsError, match=f"{path} has {field} .*, which it cannot be"):
        check(path, replace(EXPECTED, window=None))


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "[" * 100_000])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "t1.1.json"
    path.write_text(text)
    with pytest.raises(PartsError, match=r"t1\.1\.json"):
        check(path, EXPECTED)


def test_a_part_without_its_csv_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.with_suffix(".csv").unlink()
    with pytest.raises(PartsError, match="cannot be read"):
        check(path, EXPECTED)


@pytest.mark.parametrize("pieces", [1, 2, 3, 7, 64, 1000])
def test_the_ring_cut_into_pieces_is_whole_and_even(pieces: int) -> None:
    ranges = cut(pieces)
    cover_ring(reversed(ranges))
    widths = {high - low for low, high in ranges}
    assert len(ranges) == pieces
    assert max(widths) - min(widths) <= 1
    assert (ranges[0][0], ranges[-1][1]) == (FIRST_TOKEN, LAST_TOKEN)


@pytest.mark.parametrize("missing", [0, 3, 6])
def test_a_missing_range_is_found(missing: int) -> None:
    ranges = cut(7)
    del ranges[missing]
    with pytest.raises(PartsError, match="are missing"):
        cover_ring(ranges)


def test_a_range_that_stands_twice_is_found() -> None:
    ranges = cut(7)
    with pytest.raises(PartsError, match="stand in two parts"):
        cover_ring([*ranges, ranges[3]])


@pytest.mark.parametrize(("asked", "taken"), [(3, True), (2, False), (4, False)])
def test_objects_that_were_asked_for_by_name_have_a_row_or_are_unread(tmp_path: Path, asked: int, taken: bool) -> None:
    expected = replace(EXPECTED, range=None, asked=asked)
    if taken:
        assert check(write(tmp_path, range=None), expected).manifest.asked == 3
    else:
        with pytest.raises(PartsError, match=f"asked 3, where {asked} is expected"):
            check(write(tmp_path, range=None), expected)
