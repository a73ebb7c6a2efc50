"""What a load changed is put back, to the last bit, and nothing that the pipeline has written since."""

from pathlib import Path

import numpy as np
import pytest
from conftest import Own
from simulated_parts import simulate, write_part

from farm.errors import InputError
from farm.load.main import load, undo
from farm.load.options import Options
from farm.load.summary import lines

pytestmark = pytest.mark.lab
ODD = (
    "UPDATE objects SET ssnamenr = 'i''s, \"o\" \\\\%\\n\\t' WHERE objectId = 'LT0000001';"
    "UPDATE objects SET ssnamenr = '' WHERE objectId = 'LT0000002';"
    "UPDATE objects SET ssnamenr = 'name', gmag = -0e0, decmean = -0e0 WHERE objectId = 'LT0000003';"
    "UPDATE objects SET gmag = 1e-45, decmean = 4.9e-324, htm16 = -9223372036854775808 WHERE objectId = 'LT0000004';"
    "UPDATE objects SET gmag = 16777217, decmean = 1.7976931348623157e308, ssnamenr = NULL WHERE objectId = 'LT0000005'"
)


@pytest.fixture
def loaded(own: Own, tmp_path: Path) -> tuple[Own, Path, str]:
    """A table of 400 rows, some odd; then a load of 500 others of the same names. And the checksum before it."""
    old = simulate(400, seed=1)
    write_part(tmp_path / "old", old)
    load(tmp_path / "old", own.option_file())
    own.sql(ODD)
    before = own.checksum()
    new = simulate(500, seed=2)
    new.values["jdmax"][:400] = old.values["jdmax"] + 0.5
    new.values["ssnamenr"][3], new.missing["ssnamenr"][3] = "NAME", False
    write_part(tmp_path / "parts", new)
    said = load(tmp_path / "parts", own.option_file())
    assert (said["load"]["updated"], said["load"]["inserted"], said["verify"]["equal"]) == (400, 100, 500)
    assert own.sql("SELECT BINARY ssnamenr FROM objects WHERE objectId = 'LT0000003'") == "NAME"
    return own, tmp_path / "parts", before


def test_an_undone_load_leaves_the_old_rows_to_the_last_bit_and_says_what_stays(loaded: tuple[Own, Path, str]) -> None:
    own, parts, before = loaded
    said = undo(parts, own.option_file())
    assert {key: said["undo"][key] for key in ("rows", "restored", "unchanged", "guarded", "gone", "inserted")} == {
        "rows": 400, "restored": 400, "unchanged": 0, "guarded": 0, "gone": 0, "inserted": 100
    }  # fmt: skip
    assert "  100 rows that were inserted stay: the loader's account deletes nothing" in lines(said)
    assert own.sql("SELECT COUNT(*) FROM objects") == "500"
    own.sql("DELETE FROM objects WHERE objectId >= 'LT0000400'")
    assert own.checksum("g2") == before


def test_a_row_that_the_pipeline_has_brought_further_since_the_load_is_not_undone(
    loaded: tuple[Own, Path, str],
) -> None:
    own, parts, _ = loaded
    own.sql("UPDATE objects SET jdmax = jdmax + 1, gmag = 7 WHERE objectId = 'LT0000010'")
    own.sql("UPDATE objects SET ncand = ncand + 1, gmag = 7 WHERE objectId = 'LT0000011'")
    own.sql("DELETE FROM objects WHERE objectId = 'LT0000012'")
    said = undo(parts, own.option_file())
    assert (said["undo"]["restored"], said["undo"]["guarded_objects"]) == (397, ["LT0000010", "LT0000011"])
    assert said["undo"]["gone_objects"] == ["LT0000012"]
    assert own.sql("SELECT gmag FROM objects WHERE objectId IN ('LT0000010', 'LT0000011')").split() == ["7", "7"]


def test_what_is_undone_is_not_undone_again_and_can_be_loaded_again(loaded: tuple[Own, Path, str]) -> None:
    own, parts, before = loaded
    undo(parts, own.option_file())
    with pytest.raises(InputError, match="or all of it is undone already"):
        undo(parts, own.option_file())
    again = load(parts, own.option_file())
    assert (again["load"]["updated"], again["load"]["unchanged"]) == (400, 100)
    undo(parts, own.option_file())
    own.sql("DELETE FROM objects WHERE objectId >= 'LT0000400'")
    assert own.checksum() == before


def test_two_loads_of_the_same_parts_are_undone_together(loaded: tuple[Own, Path, str]) -> None:
    own, parts, before = loaded
    own.sql("UPDATE objects SET gmag = 3, jdmax = jdmax - 1 WHERE objectId < 'LT0000050'")
    assert load(parts, own.option_file())["load"]["updated"] == 50
    said = undo(parts, own.option_file())
    assert (said["undo"]["loads"], said["undo"]["restored"]) == (2, 450)
    own.sql("DELETE FROM objects WHERE objectId >= 'LT0000400'")
    assert own.checksum() == before


def test_a_column_that_was_not_loaded_is_left_by_the_undo(own: Own, tmp_path: Path) -> None:
    rows = simulate(50)
    write_part(tmp_path / "old", rows)
    load(tmp_path / "old", own.option_file())
    rows.values["gmag"], rows.missing["gmag"] = rows.values["gmag"] + 1, np.zeros(50, bool)
    write_part(tmp_path / "parts", rows)
    load(tmp_path / "parts", own.option_file(), Options(columns=("gmag",)))
    own.sql("UPDATE objects SET rmag = 7")
    assert undo(tmp_path / "parts", own.option_file())["undo"]["restored"] == 50
    assert own.sql("SELECT COUNT(*) FROM objects WHERE rmag = 7") == "50"


def test_parts_that_nobody_loaded_cannot_be_undone(own: Own, tmp_path: Path) -> None:
    write_part(tmp_path / "parts", simulate(3))
    with pytest.raises(InputError, match="nothing was loaded from"):
        undo(tmp_path / "parts", own.option_file())
