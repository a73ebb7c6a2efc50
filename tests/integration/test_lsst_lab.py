"""LSST as an environment of its own: three Cassandra tables, table objects with numbers as keys, every verb."""

import io
import json
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dust_map
import numpy as np
import pytest
from command import Ended
from keyspace import own_keyspace
from light_curves import REAL_DATA
from own_table import everywhere
from provisioning import answer
from site_of_its_own import MAPS, WORKERS, Site, maps_on, site_of

from farm.errors import Exit
from farm.seed import driver
from features import survey
from features.batch import compute
from features.curves import LightCurves
from features.diff import compare
from features.dust import SOUTH, DustMap
from features.files import read_features, read_light_curves, write_features
from features.lsst.place import position

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

LSST = survey("lsst")
REAL = REAL_DATA / "lsst"
SIMULATED, ROWS = 400, 12
DATABASE = "farm_lsst"
UNKNOWN = LSST.lacking(())
CORRECTED = {"jump1", "jump2"}
"""Differ from Lasair's on purpose, dust or not."""
SHERLOCK = "sherlock_classifications"
HOSTS = (
    "'SN', 210.5, 0.25, NULL",
    "'SN', NULL, 0.05, NULL",
    "'NT', NULL, NULL, 0.125",
    "'ORPHAN', NULL, NULL, NULL",
    "'AGN', 100, 0.5, 0.5",
    "'SN', 77.0625, NULL, NULL",
)
FITTED = {each for each in LSST.order if each.startswith("BBB")}
"""Of real light curves, rounding decides some fits (``determined``)."""


class Lsst(Site):
    """The site, and what stands in its table."""

    def farm(self, line: str, code: int = 0) -> Ended:
        verb, _, rest = line.partition(" ")
        ended = self.type(f"farm {verb} --inventory {self.env} {rest}")
        assert ended.code == code, (line, ended.code, ended.stdout, ended.stderr)
        return ended

    def json(self, line: str, code: int = 0) -> Any:
        return json.loads(self.farm(f"{line} --json", code).stdout)

    def sql(self, statement: str) -> str:
        return answer("g1", f"mariadb --batch --skip-column-names {self.database}", statement)

    def checksum(self) -> str:
        """Of every value of the table but its rows' timestamps, the same at every node."""
        exact = (
            f"{each.name} + 0e0" if each.sql == "float" else each.name
            for each in LSST.table
            if each.name != "timestamp"
        )
        values = ", ".join(f"COALESCE({each}, 'NULL')" for each in exact)
        digest = f"CAST(CONV(LEFT(MD5(CONCAT_WS(',', {values})), 16), 16, 10) AS UNSIGNED)"
        return everywhere(self.database, f"SELECT COUNT(*), BIT_XOR({digest}) FROM objects")


@pytest.fixture(scope="module")
def rows() -> dict[str, int]:
    """Rows of each table, as they are seeded: simulated ones, and the real ones where they are."""
    found = dict.fromkeys((table.name for table in LSST.tables), 0)
    sources = [driver.simulated(SIMULATED, ROWS, 3, "lsst")]
    if REAL.is_dir():
        sources.append(driver.from_files([REAL], "lsst"))
    for source in sources:
        for chunk in source.chunks():
            for name, columns in chunk.items():
                found[name] += len(columns[LSST.key.name])
    return found


@pytest.fixture(scope="module")
def here(provisioned: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lsst]:
    with own_keyspace(tables=LSST.tables) as keyspace:
        driver.seed(driver.simulated(SIMULATED, ROWS, 3, "lsst"), "refuse", keyspace, io.StringIO())
        if REAL.is_dir():
            driver.seed(driver.from_files([REAL], "lsst"), "append", keyspace, io.StringIO())
        folder = tmp_path_factory.mktemp("lsst")
        with site_of(folder, keyspace, DATABASE, "lsst", "lsst", farm_window="all") as made:
            yield Lsst(made.checkout, made.home, made.database, made.env)


@pytest.fixture(scope="module")
def rebuilt(here: Lsst) -> Any:
    """Everything, from Cassandra to the table."""
    return here.json("rebuild --load")


@pytest.fixture
def table(here: Lsst, rebuilt: Any) -> Iterator[Lsst]:
    """The table as the first run filled it; it is so again afterwards."""
    here.sql("DROP TABLE IF EXISTS kept; CREATE TABLE kept LIKE objects; INSERT INTO kept SELECT * FROM objects")
    yield here
    here.sql("DELETE FROM objects; INSERT INTO objects SELECT * FROM kept; DROP TABLE kept")


def parity(site: Lsst, out: Path) -> tuple[int, set[str]]:
    """Real objects that Lasair has too, and the features that differ of them."""
    site.farm(f"export --out {out}")
    found = compare(LSST, read_features(LSST, REAL / "expected_lsst.parquet"), read_features(LSST, out), 1e-6)
    assert not found.only_old
    assert not found.features_only_old
    return found.objects, {each.name for each in found.features if each.changed}


def test_every_row_of_three_tables_is_read_once_and_every_object_inserted(
    here: Lsst, rebuilt: Any, rows: dict[str, int]
) -> None:
    objects = int(here.sql("SELECT COUNT(*) FROM objects"))
    assert rebuilt["results"]["objects"] == objects == SIMULATED + (119 if REAL.is_dir() else 0)
    assert rebuilt["results"]["rows"] == sum(rows.values())
    load, verify = rebuilt["load"]["load"], rebuilt["load"]["verify"]
    assert (load["inserted"], load["updated"], load["guarded"]) == (objects, 0, 0)
    assert (verify["compared"], verify["equal"], verify["columns"]) == (objects, objects, 127)
    assert everywhere(DATABASE, "SELECT SUM(nDiaSources IS NOT NULL), SUM(ebv IS NULL) FROM objects")


@pytest.mark.realdata
def test_the_table_holds_lasairs_values_with_its_defects_and_without(table: Lsst, tmp_path: Path) -> None:
    before = table.checksum()
    number, differing = parity(table, tmp_path / "ours.parquet")
    assert number == 119
    assert CORRECTED <= differing <= {*UNKNOWN, *CORRECTED}
    run = table.json("rebuild --as-lasair")["run"]
    told = table.json(f"diff {run}")
    assert told["as_lasair"]
    assert changed(told) >= CORRECTED
    assert "jump1" in table.farm(f"load {run} --max-changed jump1=0", Exit.GATE).stderr
    said = table.json(f"load {run} --max-changed 1")
    assert said["as_lasair"]
    assert said["load"]["updated"] == told["changed"] > 0
    assert "the original code's defects" in table.farm(f"load {run}").stdout
    number, differing = parity(table, tmp_path / "lasairs.parquet")
    assert number == 119
    assert differing <= {*UNKNOWN} - CORRECTED
    undone = table.json(f"load {run} --undo")["undo"]
    assert (undone["restored"], undone["guarded"]) == (told["changed"], 0)
    assert table.checksum() == before


def test_a_load_leaves_what_others_fill_and_what_it_cannot_know(table: Lsst, rebuilt: Any) -> None:
    again = table.json(f"load {rebuilt['run']}")["load"]
    assert (again["unchanged"], again["inserted"], again["updated"]) == (rebuilt["load"]["rows"], 0, 0)
    table.sql("UPDATE objects SET tns_name = 'AT2026abc', ebv = 0.125, absMag = -19.5, latestPairColourBands = 'g-r'")
    assert table.json(f"diff {rebuilt['run']}")["changed"] == 0
    assert table.json(f"load {rebuilt['run']}")["load"]["updated"] == 0
    table.sql("UPDATE objects SET latestR = 0.5, nSourcesGood = nSourcesGood + 1")
    loaded = table.json(f"load {rebuilt['run']} --max-changed 1 --max-new-nulls 1")["load"]
    assert loaded["updated"] == rebuilt["load"]["rows"]
    kept = "COUNT(*), SUM(tns_name = 'AT2026abc'), SUM(ebv = 0.125), SUM(absMag = -19.5)"
    everything = "\t".join([str(rebuilt["load"]["rows"])] * 4)
    assert everywhere(DATABASE, f"SELECT {kept} FROM objects") == everything


def test_changed_rows_are_gated_loaded_by_column_and_put_back_to_the_last_bit(table: Lsst, rebuilt: Any) -> None:
    run = table.json("rebuild")["run"]
    table.sql(
        "UPDATE objects SET medianR = medianR / 3, nDiaSources = NULL, g_psfFlux = NULL WHERE MOD(diaObjectId, 2) = 0;"
        " UPDATE objects SET latest_psfFlux = 1e-30, ra = ra + 1e-13"
    )
    before = table.checksum()
    assert changed(table.json(f"diff {run}")) <= {"medianR", "nDiaSources", "g_psfFlux", "latest_psfFlux"}
    assert "--max-changed" in table.farm(f"load {run}", Exit.GATE).stderr
    some = table.json(f"load {run} --columns nDiaSources,medianR --max-changed 1")["load"]
    half = int(table.sql("SELECT COUNT(*) FROM objects WHERE MOD(diaObjectId, 2) = 0"))
    assert some["updated"] == half
    assert table.sql("SELECT COUNT(*) FROM objects WHERE ABS(latest_psfFlux) > 1e-29") == "0"
    everything = table.json(f"load {run} --max-changed 1 --max-new-nulls 1")["load"]
    assert everything["updated"] == rebuilt["load"]["rows"]
    undone = table.json(f"load {run} --undo")["undo"]
    assert (undone["loads"], undone["restored"], undone["guarded"]) == (2, everything["updated"] + half, 0)
    assert table.checksum() == before


def test_a_value_that_becomes_null_is_gated_and_may_be_kept(table: Lsst, rebuilt: Any) -> None:
    run = rebuilt["run"]
    table.sql("UPDATE objects SET u_fpFluxMean = 7.5")
    lost = table.json(f"diff {run}")["features"]
    assert max(each["to_null"] for each in lost if each["name"] == "u_fpFluxMean") > 0
    assert "u_fpFluxMean" in table.farm(f"load {run} --max-changed 1", Exit.GATE).stderr
    table.json(f"load {run} --max-changed 1 --keep-not-null u_fpFluxMean")
    assert table.sql("SELECT COUNT(*) FROM objects WHERE u_fpFluxMean IS NULL") == "0"


def test_a_row_with_a_later_source_is_left_alone_and_rebuilt_by_its_name(
    table: Lsst, rebuilt: Any, tmp_path: Path
) -> None:
    run, few = rebuilt["run"], "ORDER BY diaObjectId LIMIT 2"
    further = table.sql(f"SELECT diaObjectId FROM objects {few}").split()
    table.sql(f"UPDATE objects SET lastDiaSourceMjdTai = lastDiaSourceMjdTai + 1, latestR = -1 {few}")
    before = table.checksum()
    load = table.json(f"load {run}")["load"]
    assert (load["guarded_objects"], load["updated"]) == (further, 0)
    assert table.checksum() == before
    guarded = table.home / "runs" / run / "load" / "guarded.txt"
    assert guarded.read_text().split() == further
    again = table.json(f"rebuild --objects {guarded} --load")
    assert (again["results"]["objects"], again["load"]["load"]["guarded"]) == (2, 2)
    table.sql(f"UPDATE objects SET lastDiaSourceMjdTai = lastDiaSourceMjdTai - 1 {few}")
    asked = table.json("rebuild --where 'latestR = -1'")
    assert asked["results"]["objects"] == 2
    assert table.json(f"load {asked['run']} --max-changed 1")["load"]["updated"] == 2
    planned = table.json("rebuild --where 'nDiaSources > 0' --dry-run")
    assert all("--survey lsst" in task["command"] for task in planned["tasks"])


def test_a_column_that_the_table_lacks_is_brought_in_and_filled(table: Lsst, rebuilt: Any) -> None:
    before = table.checksum()
    owner = f"--option-file {table.home / 'secrets' / 'galera_owner.cnf'}"
    assert table.type(f"farm schema diff --inventory {table.env}").code == 0
    table.sql("ALTER TABLE objects DROP COLUMN jump2, DROP KEY htmid16idx")
    try:
        assert "jump2" in table.type(f"farm schema diff --inventory {table.env}").stdout
        assert "jump2" in table.farm(f"load {rebuilt['run']}", Exit.GALERA).stderr
        migrate = f"farm schema migrate --inventory {table.env} {owner}"
        planned = table.type(f"{migrate} --dry-run --allow-stall")
        assert re.search(r"ADD COLUMN `jump2` float DEFAULT NULL AFTER `jump1`", planned.stdout), planned
        assert table.type(f"{migrate} --allow-stall").code == 0
        assert table.type(f"farm schema diff --inventory {table.env}").code == 0
    finally:
        table.sql("ALTER TABLE objects ADD COLUMN IF NOT EXISTS jump2 float DEFAULT NULL AFTER jump1")
    load = table.json(f"load {rebuilt['run']} --columns jump2")["load"]
    assert load["updated"] == int(table.sql("SELECT COUNT(*) FROM objects WHERE jump2 IS NOT NULL"))
    assert table.checksum() == before


def test_the_gate_of_an_upgrade_compares_the_golden_set_and_living_objects_of_the_survey(
    here: Lsst, tmp_path: Path
) -> None:
    release = answer("w1", "readlink /opt/farm/current")
    folder = f"/opt/farm/releases/{release.rpartition('/')[2]}"
    roles = Path(here.checkout, "roles", "upgrade", "files")
    as_farm = "runuser --user=farm -- python3 -"
    given = json.dumps({"ebv": MAPS, "sherlock": SHERLOCK})
    sample = f"cd /; {as_farm} {folder} {folder} lsst '' 50 '{given}'"
    with maps_on(WORKERS, dust_map.write(tmp_path / "dust")):
        said = answer("w1", sample, (roles / "sample.py").read_text())
    found = json.loads(said)
    assert found["living"]["objects"] >= 50
    assert found["golden"]["objects"] >= 20
    assert {each["name"] for each in found["living"]["features"]} == {each.name for each in LSST.features}
    assert not any(each["changed"] for what in ("golden", "living") for each in found[what]["features"])
    health = (roles / "health.py").read_text()
    answer("w1", f"cd /; {as_farm} /opt/farm {folder.rpartition('/')[2]} worker lsst lsst", health)


def test_a_run_whose_head_was_killed_goes_on(table: Lsst, rebuilt: Any) -> None:
    runs = table.home / "runs"
    before = {*runs.iterdir()}
    head = table.begin(f"farm rebuild --inventory {table.env} --ranges 60")
    try:
        run = begun(head, runs, before)
    finally:
        head.kill()
        head.wait(30)
    for part in [*(runs / run / "parts").glob("*.1.*")]:  # as if it had died before it noted them
        part.with_name(part.name.replace(".1.", ".9.")).write_bytes(part.read_bytes())
    said = table.json(f"resume {run}")
    assert said["run"] == run
    assert (said["done"], said["submitted"]) == (60, 60)
    assert said["results"]["objects"] == rebuilt["results"]["objects"]
    assert table.json(f"load {run}")["load"]["unchanged"] == rebuilt["results"]["objects"]


@pytest.fixture
def sources(table: Lsst, tmp_path: Path) -> Iterator[tuple[Lsst, Path]]:
    """The site with dust maps on every worker and a table of classifications; the maps are here too."""
    maps = dust_map.write(tmp_path / "dust")
    ids = table.sql("SELECT diaObjectId FROM objects ORDER BY diaObjectId").split()
    rows = ", ".join(f"({key}, {HOSTS[at % len(HOSTS)]})" for at, key in enumerate(ids) if at % 7)
    table.sql(
        f"CREATE TABLE {SHERLOCK} (diaObjectId BIGINT PRIMARY KEY, classification VARCHAR(16), best_distance FLOAT,"
        f" z FLOAT, photoZ FLOAT, description TEXT); INSERT INTO {SHERLOCK}"
        f" (diaObjectId, classification, best_distance, z, photoZ) VALUES {rows}"
    )
    try:
        with maps_on(WORKERS, maps), table.given(ebv=MAPS, sherlock=SHERLOCK):
            yield table, maps
    finally:
        table.sql(f"DROP TABLE {SHERLOCK}")


def test_dust_and_classifications_come_from_their_sources(
    sources: tuple[Lsst, Path], rebuilt: Any, tmp_path: Path
) -> None:
    site, maps = sources
    assert {name: set(features) for name, features in rebuilt["without"].items()} == {
        "ebv": {*LSST.lacking(["sherlock"])},
        "sherlock": {*LSST.lacking(["ebv"])},
    }
    site.sql("UPDATE objects SET tns_name = 'AT2026abc'")
    done = site.json("rebuild --load")
    assert done["without"] == {}
    assert everywhere(DATABASE, "SELECT SUM(tns_name = 'AT2026abc') = COUNT(*) FROM objects") == "1"
    site.farm(f"export --out {tmp_path / 'ours.parquet'}")
    found = read_features(LSST, tmp_path / "ours.parquet")
    wanted = DustMap(maps).ebv(found["ra"].data, found["decl"].data).astype(np.float32)
    assert np.array_equal(found["ebv"].data, wanted)
    asked = "SELECT COUNT(*) FROM objects LEFT JOIN {} USING (diaObjectId) WHERE absMag IS {} AND {}"
    assert site.sql(asked.format(SHERLOCK, "NOT NULL", "COALESCE(classification, 'AGN') = 'AGN'")) == "0"
    assert int(site.sql(asked.format(SHERLOCK, "NOT NULL", "classification = 'SN' AND z IS NULL"))) > 0
    if REAL.is_dir():
        told = {
            int(key): json.dumps({"classification": kind, "best_distance": far, "z": z, "photoZ": photo})
            for key, kind, far, z, photo in known(site)
        }
        curves = read_light_curves(LSST, REAL / "diaSources.parquet")
        ids = curves.object_id.tolist()
        given = {
            "ebv": DustMap(maps).ebv(*position(curves)),
            "sherlock": np.array([told.get(each) for each in ids], object),
        }
        curves = replace(curves, given=given)
        write_features(LSST, [compute(LSST, curves, None)], tmp_path / "wanted.parquet")
        wanted_rows = read_features(LSST, tmp_path / "wanted.parquet")
        compared = compare(LSST, wanted_rows, found, 1e-6)
        assert (compared.objects, len(compared.only_old)) == (119, 0)
        assert {each.name for each in compared.features if each.changed} <= FITTED
        same = determined(curves)
        fits = compare(LSST, {name: column[same] for name, column in wanted_rows.items()}, found, 1e-6)
        assert not np.ma.getmaskarray(wanted_rows["BBBTemp"])[same].all()
        assert not any(each.changed for each in fits.features)
    for worker in WORKERS:
        assert answer(worker, f"ls -A /var/lib/farm/runs/{done['run']} 2>/dev/null || true") == ""


def test_of_named_objects_only_their_records_are_brought_and_a_killed_head_goes_on_with_them(
    sources: tuple[Lsst, Path],
) -> None:
    site, _ = sources
    few = site.sql("SELECT diaObjectId FROM objects ORDER BY diaObjectId LIMIT 3").split()
    (site.home / "few.txt").write_text("\n".join(few))
    run = site.json(f"rebuild --objects {site.home / 'few.txt'}")["run"]
    assert (site.home / "runs" / run / "given.tar").stat().st_size < 50_000
    before = {*(site.home / "runs").iterdir()}
    head = site.begin(f"farm rebuild --inventory {site.env} --ranges 60")
    try:
        killed = begun(head, site.home / "runs", before)
    finally:
        head.kill()
        head.wait(30)
    site.sql(f"UPDATE {SHERLOCK} SET classification = 'AGN'")  # after the run began: it does not see it
    assert site.json(f"resume {killed}")["done"] == 60
    site.json(f"load {killed} --max-changed 1")
    assert int(site.sql("SELECT COUNT(*) FROM objects WHERE absMag IS NOT NULL")) > 20


def test_a_source_that_is_named_and_not_there_stops_a_run_before_it_begins(sources: tuple[Lsst, Path]) -> None:
    site, _ = sources
    runs = {*(site.home / "runs").iterdir()}
    answer("w2", f"mv {MAPS}/{SOUTH} {MAPS}/away")
    try:
        said = site.farm("rebuild", Exit.INPUT).stderr
        assert re.search(rf"w2 is not ready: the dust map {MAPS}/{SOUTH} cannot be read .*: put both maps there", said)
        doctor = site.type(f"farm doctor --inventory {site.env} --json")
        told = {each["where"]: each["what"] for check in json.loads(doctor.stdout)["checks"]
                for each in check["findings"] if each["kind"] == "route to Cassandra"}  # fmt: skip
        assert list(told) == ["w2"], doctor
        assert f"{MAPS}/{SOUTH}" in told["w2"]
    finally:
        answer("w2", f"mv {MAPS}/away {MAPS}/{SOUTH}")
    for change, why in (
        ("DROP COLUMN photoZ", "lacks photoZ: name a table, or a view, that has diaObjectId, classification"),
        ("RENAME TO away", f"is not in database {DATABASE}, or not to be read"),
        ("RENAME TO {}, ADD COLUMN photoZ FLOAT, DROP PRIMARY KEY", ""),
    ):
        site.sql(f"ALTER TABLE {'away' if not why else SHERLOCK} {change.format(SHERLOCK)}")
        if why:
            assert why in site.farm("rebuild", Exit.INPUT).stderr
    site.sql(f"INSERT INTO {SHERLOCK} SELECT * FROM {SHERLOCK} LIMIT 1")
    assert f"table {SHERLOCK}, which farm_given" in (said := site.farm("rebuild", Exit.INPUT).stderr)
    assert "an object has two rows" in said
    site.sql(f"DELETE FROM {SHERLOCK}; ALTER TABLE {SHERLOCK} MODIFY diaObjectId VARCHAR(20)")
    for wrong, why in (("NULL", "a row has no object"), ("'ZTF18abc'", "ZTF18abc")):
        site.sql(f"DELETE FROM {SHERLOCK}; INSERT INTO {SHERLOCK} (diaObjectId) VALUES ({wrong})")
        assert why in site.farm("rebuild", Exit.INPUT).stderr
    assert {*(site.home / "runs").iterdir()} == runs


def determined(curves: LightCurves) -> Any:
    """Which objects have the same fit, or none, whatever the last digits of their fluxes are."""
    several = []
    for by in (0.0, 1e-15, -1e-15, 1e-12, -1e-12):
        others = {name: moved(rows, by) for name, rows in curves.others.items()}
        rows = compute(LSST, replace(moved(curves, by), others=others), None)
        several.append([np.where(rows.missing[name], 0.0, rows.values[name]) for name in sorted(FITTED)])
    first = several[0]
    return np.all([np.isclose(each, first, rtol=1e-7, atol=0).all(axis=0) for each in several], axis=0)


def moved(curves: LightCurves, by: float) -> LightCurves:
    """The fluxes, if it has any, times 1 + by."""
    return replace(
        curves, columns={name: rows * (1 + by) if name == "psfFlux" else rows for name, rows in curves.columns.items()}
    )


def known(site: Lsst) -> list[tuple[str, str, float | None, float | None, float | None]]:
    """The table of classifications, its numbers with every digit."""
    said = site.sql(f"SELECT diaObjectId, classification, best_distance + 0e0, z + 0e0, photoZ + 0e0 FROM {SHERLOCK}")
    lines = [line.split("\t") for line in said.splitlines()]
    return [
        (key, kind, *(None if each == "NULL" else float(each) for each in numbers))  # type: ignore[misc]
        for key, kind, *numbers in lines
    ]


def changed(told: Any) -> set[str]:
    """The features that ``farm diff`` found changed."""
    return {each["name"] for each in told["features"] if each["moved"] or each["to_null"] or each["from_null"]}


def begun(head: "subprocess.Popen[str]", runs: Path, before: set[Path]) -> str:
    """The new run's id, once it has its first part."""
    while head.poll() is None:
        for run in {*runs.iterdir()} - before:
            if any((run / "parts").glob("*.csv")):
                return run.name
        time.sleep(0.05)
    raise AssertionError("the run ended before it was killed")
