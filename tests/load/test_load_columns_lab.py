"""Loads of some columns, and of columns that keep what they have."""

from pathlib import Path

import numpy as np
import pytest
from conftest import Own
from simulated_parts import ZTF, simulate, write_part

from farm.errors import GaleraError, InputError, PartsError
from farm.load.main import load, undo
from farm.load.options import Options
from features.batch import Rows

pytestmark = pytest.mark.lab
SOME = Options(columns=("gmag", "ssnamenr"))


@pytest.fixture
def changed(own: Own, tmp_path: Path) -> Rows:
    """A table of 100 rows; parts of 120, each with other values."""
    write_part(tmp_path / "old", simulate(100, seed=1))
    load(tmp_path / "old", own.option_file())
    new = simulate(120, seed=2)
    new.values["jdmax"] += 2
    write_part(tmp_path / "parts", new)
    return new


def test_only_the_columns_that_are_named_are_loaded_and_only_into_rows_that_are_there(
    own: Own, changed: Rows, tmp_path: Path
) -> None:
    rest = ", ".join(f"o.{each.name}" for each in ZTF.features if each.name not in SOME.columns)
    digest = f"SELECT BIT_XOR(CRC32(CONCAT_WS(',', objectId, {rest}))) FROM objects AS o"
    before = own.sql(digest)
    said = load(tmp_path / "parts", own.option_file(), SOME)
    assert said["ok"]
    assert said["verify"]["columns"] == 3
    assert (said["load"]["inserted"], said["load"]["absent"], said["verify"]["missing"]) == (0, 20, 20)
    assert said["load"]["updated"] + said["load"]["unchanged"] == 100
    assert own.sql(digest) == before
    wanted = int((~changed.missing["gmag"][:100]).sum())
    assert own.sql("SELECT COUNT(gmag) FROM objects") == str(wanted)
    undo(tmp_path / "parts", own.option_file())
    assert load(tmp_path / "old", own.option_file())["load"]["unchanged"] == 100


def test_the_guard_holds_where_its_columns_are_not_loaded(own: Own, changed: Rows, tmp_path: Path) -> None:
    own.sql("UPDATE objects SET jdmax = jdmax + 4, gmag = 7 WHERE objectId = 'LT0000007'")
    said = load(tmp_path / "parts", own.option_file(), SOME)
    assert (said["load"]["guarded_objects"], said["ok"]) == (["LT0000007"], True)
    assert own.sql("SELECT gmag FROM objects WHERE objectId = 'LT0000007'") == "7"


def test_new_columns_are_loaded_into_a_table_that_lacks_others(own: Own, changed: Rows, tmp_path: Path) -> None:
    own.sql("ALTER TABLE objects DROP COLUMN rmag")
    try:
        with pytest.raises(GaleraError, match=r"ADD COLUMN `rmag`.*farm schema diff"):
            load(tmp_path / "parts", own.option_file())
        assert load(tmp_path / "parts", own.option_file(), SOME)["ok"]
    finally:
        own.sql("ALTER TABLE objects ADD COLUMN rmag float DEFAULT NULL AFTER gmag")


@pytest.mark.parametrize("zeros", ["zero", "null"])
def test_a_column_that_is_kept_changes_only_where_the_part_has_a_value(
    own: Own, changed: Rows, tmp_path: Path, zeros: str
) -> None:
    changed.values["gmag"][:3], changed.missing["gmag"][:3] = 0.0, False
    changed.missing["gmag"][3:6] = True
    write_part(tmp_path / "parts", changed)
    own.sql("UPDATE objects SET gmag = 7")
    said = load(tmp_path / "parts", own.option_file(zeros=zeros), Options(keep_not_null=("gmag",)))
    assert (said["ok"], said["verify"]["differing"]) == (True, 0)
    found = own.sql("SELECT gmag FROM objects ORDER BY objectId LIMIT 6").split()
    assert found == [*["0" if zeros == "zero" else "7"] * 3, "7", "7", "7"]
    missing = changed.missing["gmag"]
    if zeros == "null":
        missing = missing | (changed.values["gmag"] == 0)
    inserted = "SELECT COUNT(*) FROM objects WHERE objectId >= 'LT0000100' AND gmag IS NULL"
    assert own.sql(inserted) == str(int(np.count_nonzero(missing[100:])))
    assert undo(tmp_path / "parts", own.option_file(zeros=zeros))["undo"]["guarded"] == 0
    assert own.sql("SELECT COUNT(*) FROM objects WHERE gmag = 7") == "100"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (Options(columns=("gmag", "g`; DROP TABLE objects; --")), "is no feature of ztf"),
        (Options(columns=("objectId",)), "is no feature of ztf"),
        (Options(keep_not_null=("nothere",)), "--keep-not-null names 'nothere'"),
        (Options(columns=("gmag",), keep_not_null=("rmag",)), "which --columns does not load"),
    ],
)
def test_a_column_that_is_none_is_refused(own: Own, tmp_path: Path, options: Options, why: str) -> None:
    write_part(tmp_path / "parts", simulate(3))
    with pytest.raises(InputError, match=why):
        load(tmp_path / "parts", own.option_file(), options)
    assert own.sql("SELECT COUNT(*) FROM objects") == "0"


def test_parts_of_another_environment_are_refused(own: Own, tmp_path: Path) -> None:
    write_part(tmp_path / "parts", simulate(3))
    with pytest.raises(PartsError, match=r"are of environment lab, and .* is of prod"):
        load(tmp_path / "parts", own.option_file(environment="prod"))
