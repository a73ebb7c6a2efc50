"""farm diff and the gates on the lab's Galera: a run beside a table, and what a load of it is allowed to change."""

import json
import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from command import farm
from conftest import sql
from light_curves import REAL_DATA
from made_runs import make_run
from own_database import TABLES, own_database, write_option_file
from simulated_parts import ZTF, simulate, write_part

from farm.diff.compare import compare
from farm.diff.gates import DEFAULTS, judge
from farm.diff.result import Diff, FeatureDiff
from farm.errors import Exit
from farm.galera import Account
from farm.load.check import check_manifests
from farm.load.main import load
from farm.load.options import Options
from farm.runs import Run
from features.batch import Rows

pytestmark = pytest.mark.lab
DATABASE = "farm_diff"
HALVES = [[-(2**63), 0], [0, 2**63 - 1]]
"""Two token ranges that cover the ring."""


@pytest.fixture(scope="module")
def own(provisioned: None) -> Iterator[Account]:
    with own_database(DATABASE, "ALL") as account:
        yield account


@pytest.fixture
def fill(own: Account, tmp_path: Path) -> Callable[[Rows], None]:
    """Fills the table with rows, and nothing else."""

    def make(rows: Rows) -> None:
        sql(f"USE {DATABASE}; DROP TABLE IF EXISTS farm_load, objects; {TABLES}")
        write_part(tmp_path / "before", rows)
        load(tmp_path / "before", write_option_file(own, tmp_path / "own.cnf"))

    return make


def change(statements: str) -> str:
    return sql(f"USE {DATABASE}; {statements}")


def features_of(diff: Diff) -> dict[str, FeatureDiff]:
    """Those that change."""
    return {each.name: each for each in diff.features if each.changed}


def valued(rows: Rows, name: str) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    missing: np.ndarray[tuple[int], np.dtype[np.bool_]] = rows.missing[name]
    return ~missing


def test_rows_and_features_are_told_apart_by_what_a_load_would_do(
    own: Account, fill: Callable[[Rows], None], tmp_path: Path
) -> None:
    rows = simulate(2000)
    fill(rows)
    change(
        "DELETE FROM objects WHERE objectId IN ('LT0000003', 'LT0001999');"
        "INSERT INTO objects (objectId, gmag) VALUES ('LTgone', 1), ('LTunread', 2);"
        "UPDATE objects SET jdmax = jdmax + 1, rmag = 7 WHERE objectId IN ('LT0000011', 'LT0000012');"
        "UPDATE objects SET ncand = ncand + 1 WHERE objectId = 'LT0000013';"
        "UPDATE objects SET decmean = decmean * (1 + 1e-11), gmag = gmag * (1 + 1e-8) WHERE objectId < 'LT0000500';"
        "UPDATE objects SET ramean = ramean * 1.5 WHERE objectId = 'LT0000700';"
        "UPDATE objects SET ramean = ramean * 1.25 WHERE objectId = 'LT0000800';"
        "UPDATE objects SET rmag = NULL WHERE objectId < 'LT0000100' AND ncand < 12;"
        "UPDATE objects SET srmag1 = 18 WHERE srmag1 IS NULL; UPDATE objects SET ssnamenr = NULL"
    )
    for column in ("ramean", "rmag"):
        rows.values[column][700], rows.missing[column][700] = 200.0, False
    change("UPDATE objects SET ramean = 100 WHERE objectId = 'LT0000700'")
    half = np.arange(2000) % 2 == 0
    for name, chosen, tokens in (("r0", half, HALVES[0]), ("r1", ~half, HALVES[1])):
        part = Rows(
            ZTF,
            rows.object_id[chosen],
            {column: values[chosen] for column, values in rows.values.items()},
            {column: missing[chosen] for column, missing in rows.missing.items()},
        )
        write_part(tmp_path / "parts", part, name, range=tokens, unread=["LTunread"] if name == "r1" else [])
    found = compare(check_manifests(tmp_path / "parts"), own, worst=2)
    assert (found.rows, found.new, found.guarded, found.gone, found.unread) == (2000, 2, 3, 1, 1)
    assert found.changed + found.unchanged == 1995
    assert sorted(found.new_objects) == ["LT0000003", "LT0001999"]
    assert found.gone_objects == ("LTgone",)
    moved = features_of(found)
    assert set(moved) == {"ramean", "rmag", "srmag1", "ssnamenr"}
    assert (moved["ramean"].worst[0].object, moved["ramean"].greatest) == ("LT0000700", 0.5)
    assert moved["srmag1"].to_null == int((~valued(rows, "srmag1")).sum()) - sum(
        not valued(rows, "srmag1")[at] for at in (3, 11, 12, 13, 1999)
    )
    assert moved["ssnamenr"].all_null
    assert moved["rmag"].from_null
    again = compare(check_manifests(tmp_path / "parts"), replace(own, window=7), worst=0)
    assert (again.guarded, again.new_objects, again.features[0].worst) == (2, (), ())


def test_a_run_of_named_objects_counts_nothing_as_gone_and_zeros_are_as_the_table_has_them(
    own: Account, fill: Callable[[Rows], None], tmp_path: Path
) -> None:
    rows = simulate(300)
    fill(rows)
    write_part(tmp_path / "parts", rows, range=None)
    change("INSERT INTO objects (objectId) VALUES ('LTother'); UPDATE objects SET decmean = NULL WHERE decmean = 0")
    as_zero = compare(check_manifests(tmp_path / "parts"), own)
    zeros = int(((rows.values["decmean"] == 0) & valued(rows, "decmean")).sum())
    assert as_zero.gone is None
    assert features_of(as_zero)["decmean"].from_null == zeros > 0
    as_null = features_of(compare(check_manifests(tmp_path / "parts"), replace(own, zeros="null")))
    assert "decmean" not in as_null
    assert as_null["gmag"].to_null == int(((rows.values["gmag"] == 0) & valued(rows, "gmag")).sum())


def test_an_empty_table_is_not_compared_and_a_column_that_it_lacks_is_named(own: Account, tmp_path: Path) -> None:
    sql(f"USE {DATABASE}; DROP TABLE IF EXISTS objects; {TABLES} ALTER TABLE objects DROP COLUMN gmag")
    write_part(tmp_path / "parts", simulate(1500))
    found = compare(check_manifests(tmp_path / "parts"), own)
    assert (found.rows, found.new, found.gone, found.lacking) == (1500, 1500, 0, ("gmag",))
    assert found.new_objects == ("LT0000000", "LT0000001", "LT0000002")
    assert judge(found, DEFAULTS) == ()


@pytest.mark.realdata
def test_ps1_values_that_a_rebuild_has_lost_are_refused_and_kept_where_that_is_asked_for(
    own: Account, fill: Callable[[Rows], None], tmp_path: Path
) -> None:
    fill(real("candidates"))
    write_part(tmp_path / "parts", real("candidates_as_stored"))
    found = compare(check_manifests(tmp_path / "parts"), own)
    lost = {each.feature for each in judge(found, DEFAULTS) if each.flag == "--max-new-nulls"}
    assert {"sgmag1", "srmag1", "sgscore1", "distpsnr1"} <= lost
    assert all(found.share(features_of(found)[name].to_null) > 0.3 for name in ("sgmag1", "sgscore1"))
    assert not [each for each in judge(found, DEFAULTS, keep_not_null=sorted(lost)) if each.flag == "--max-new-nulls"]
    before = change("SELECT COUNT(sgmag1), COUNT(sgscore1) FROM objects")
    options = Options(keep_not_null=tuple(sorted(lost)))
    assert load(tmp_path / "parts", write_option_file(own, tmp_path / "own.cnf"), options)["ok"]
    assert change("SELECT COUNT(sgmag1), COUNT(sgscore1) FROM objects") == before


def real(table: str) -> Rows:
    """What the pipeline's code computes from a real table, as rows of a part."""
    columns = pq.read_table(REAL_DATA / "ztf" / f"expected_{table}_all.parquet")
    values, missing = {}, {}
    for feature in ZTF.features:
        column = columns.column(feature.name).combine_chunks()
        missing[feature.name] = column.is_null().to_numpy(zero_copy_only=False)
        filled = column if feature.width else column.fill_null(0)
        values[feature.name] = filled.to_numpy(zero_copy_only=False).astype(feature.dtype)
        if not feature.width:
            missing[feature.name] = missing[feature.name] | ~np.isfinite(values[feature.name])
    return Rows(ZTF, columns.column("objectId").to_numpy(), values, missing)


@pytest.fixture
def run(table: object) -> Iterator[Run]:
    """A run of 200 objects in two parts, loaded into the lab's table."""
    made = make_run("lab", [simulate(100, seed=seed, first=100 * seed) for seed in range(2)])
    loaded = farm("load", made.id)
    assert loaded.code == 0, loaded.stderr
    yield made
    shutil.rmtree(made.folder)


def test_a_load_that_changes_too_much_is_refused_and_the_flag_that_is_printed_accepts_it(run: Run) -> None:
    kept = json.loads((run.load / "diff.json").read_text())
    assert (kept["schema"], kept["new"], kept["gone"]) == (1, 200, None)
    sql("UPDATE objects SET gmag = gmag + 1, ramean = ramean - 1, srmag1 = 17 WHERE objectId LIKE 'LT%'")
    refused = farm("load", run.id)
    assert (refused.code, refused.stdout) == (Exit.GATE, "")
    assert "  gmag: " in refused.stderr
    assert sql("SELECT COUNT(*) FROM objects WHERE objectId LIKE 'LT%' AND srmag1 = 17") == "200"
    line = next(each for each in refused.stderr.splitlines() if "To accept it: farm " in each)
    said = farm("diff", run.id, "--json").json()
    moved = {each["name"] for each in said["features"] if each["moved"] or each["to_null"] or each["from_null"]}
    assert moved == {"gmag", "ramean", "srmag1"}
    assert {"gmag", "ramean"} <= {each.split()[0] for each in farm("diff", run.id).stdout.splitlines()}
    accepted = farm(*shlex.split(line.partition("To accept it: farm ")[2]))
    assert accepted.code == 0, accepted.stderr
    again = farm("diff", run.id, "--json").json()
    assert (again["changed"], again["unchanged"], again["new"]) == (0, 200, 0)
