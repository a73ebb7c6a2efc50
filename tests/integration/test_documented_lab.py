"""Commands of the documentation, typed on the lab: in order, each in the state of affairs for which a page has it."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from command import ROOT, Ended
from own_table import everywhere
from provisioning import answer
from site_of_its_own import OBJECTS, WORKERS, Site, play, site

from farm.errors import Exit
from farm.history import History
from farm.runs import every
from features import survey

sys.path.insert(0, str(Path(ROOT, "tests", "house")))
import scenes

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

GO = "/run/farm-documented"


@pytest.fixture(scope="module")
def here(provisioned: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("documented")) as made:
        yield made


def typed(here: Site, lines: list[str], code: int = 0) -> list[Ended]:
    return play(here, lines, scenes.SITE, code)


def test_a_first_look(here: Site) -> None:
    assert all(ended.stdout for ended in typed(here, scenes.FIRST_LOOK)[:-1])
    typed(here, scenes.REFUSED, Exit.INPUT)
    for line in scenes.ON_A_WORKER:
        assert json.loads(answer("w1", line))["schema"] == 1


def test_a_command_over_ranges_gives_every_object_once(here: Site) -> None:
    """docs/mining.md, without Python."""
    typed(here, scenes.RANGES)
    parts = [file.read_text().splitlines()[1:] for file in every("lab")[-1].folder.glob("outputs/*/part.csv")]
    assert (len(parts), sum(map(len, parts))) == (5, OBJECTS)


@pytest.fixture(scope="module")
def filled(here: Site) -> None:
    """The table holds every object's features."""
    typed(here, ["farm rebuild --load"])


@contextmanager
def lasairs(here: Site) -> Iterator[str]:
    """The table as Lasair's pipeline leaves it, NULL for every zero; one object, which is named, has another gmag."""
    numbers = [each.name for each in survey("ztf").features if each.width is None]
    nulls = ", ".join(f"{name} = NULLIF({name}, 0)" for name in numbers)
    answer("g1", f"mariadb {here.database}", f"CREATE TABLE kept SELECT * FROM objects; UPDATE objects SET {nulls}")
    strange = "ORDER BY gmag DESC LIMIT 1"
    answer("g1", f"mariadb {here.database}", f"UPDATE objects SET gmag = gmag + 1 {strange}")
    try:
        yield answer("g1", f"mariadb -BN {here.database}", f"SELECT objectId FROM objects {strange}")
    finally:
        answer("g1", f"mariadb {here.database}", "REPLACE INTO objects SELECT * FROM kept; DROP TABLE kept")


@contextmanager
def reading_only(here: Site) -> Iterator[None]:
    """The inventory says that zeros are NULL; farm_loader and farm_owner have any word for a password."""
    variables = here.checkout / "inventory" / "lab" / "group_vars" / "all" / "farm.yml"
    files = {name: here.home / "secrets" / f"galera_{name}.cnf" for name in ("reader", "loader", "owner")}
    kept = {file: file.read_text() for file in (variables, *files.values())}
    try:
        variables.write_text(kept[variables].replace("farm_zeros: zero", 'farm_zeros: "null"'))
        for name, file in files.items():
            text = kept[file].replace("zeros = zero", "zeros = null")
            file.write_text(text if name == "reader" else text.replace("password = ", "password = any-word-"))
        yield
    finally:
        for file, text in kept.items():
            file.write_text(text)


def test_new_features_are_held_against_lasairs_table_by_an_account_that_only_reads(here: Site, filled: None) -> None:
    """docs/coming-from-lasair.md."""
    with lasairs(here) as strange, reading_only(here):
        before = everywhere(here.database, "CHECKSUM TABLE objects, farm_load")
        doctor = here.type("farm doctor --inventory lab --json")
        ended = dict(zip(scenes.READING_ONLY, typed(here, scenes.READING_ONLY), strict=True))
        refused = here.type("farm load last --inventory lab")
        assert everywhere(here.database, "CHECKSUM TABLE objects, farm_load") == before
    kinds = [each["kind"] for check in json.loads(doctor.stdout)["checks"] for each in check["findings"]]
    assert (doctor.code, kinds) == (Exit.UNWELL, ["account", "account"]), doctor.stdout
    assert refused.code == Exit.GALERA, refused.stderr
    sample = json.loads(ended["farm diff last --inventory ENV --json"].stdout)
    assert 0 < sample["rows"] < OBJECTS
    assert sample["changed"] + sample["unchanged"] == sample["rows"]
    whole = ended["farm diff last --inventory ENV"].stdout
    assert f"0 new + 1 changed + {OBJECTS - 1} unchanged + 0 guarded = {OBJECTS}; 0 gone" in whole, whole
    (moved,) = [line for line in whole.splitlines() if line.startswith("gmag ")]
    assert strange in moved


def test_ones_own_machines(here: Site, filled: None) -> None:
    """docs/getting-started.md, steps 7 to 9."""
    answer("g1", f"mariadb {here.database}", "DROP TABLE farm_load")
    doctor = here.type("farm doctor --inventory lab --json")
    kinds = {each["kind"] for check in json.loads(doctor.stdout)["checks"] for each in check["findings"]}
    assert (doctor.code, kinds) == (Exit.UNWELL, {"no table of locks"}), doctor.stdout
    assert here.type("farm schema diff --inventory lab").code == Exit.SCHEMA
    ended = dict(zip(scenes.OWN_MACHINES, typed(here, scenes.OWN_MACHINES), strict=True))
    assert "restored" in ended["farm load last --inventory ENV --undo"].stdout
    again = here.type("farm load last --inventory lab")
    assert f"{OBJECTS} unchanged" in again.stdout, (again, ended)


def test_tables_reports_and_loads(here: Site, filled: None) -> None:
    (here.checkout / "unread.txt").write_text(everywhere(here.database, "SELECT objectId FROM objects LIMIT 1"))
    *_, status = typed(here, scenes.TABLES)
    assert json.loads(status.stdout)["results"]["objects"] == OBJECTS
    assert (here.checkout / "tonight.html").stat().st_size > 10_000
    assert json.loads((here.checkout / "diff.json").read_text())["schema"] == 1
    assert (here.checkout / "objects.parquet").exists()


def running() -> int:
    """Attempts that run, of the latest run; none where it is just being begun."""
    latest = every("lab")[-1]
    if not latest.journal.exists():
        return 0
    with closing(History(latest.journal)) as journal:
        return len(journal.running())


def test_a_living_run_takes_orders_and_what_was_cancelled_is_resumed(here: Site) -> None:
    wait = f"until test -e {GO}; do sleep 0.05; done"
    tasks = [{"id": f"r{number}", "command": wait} for number in range(1, 19)]
    (here.checkout / "tasks.jsonl").write_text("".join(f"{json.dumps(task)}\n" for task in tasks))
    before = len(every("lab"))
    run = here.begin(f"{scenes.RUNS[0]} --limit w1,w2,w3")
    try:
        deadline = time.monotonic() + 30
        while len(every("lab")) == before or not running():
            assert run.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        typed(here, scenes.LIVING)
        assert run.wait(timeout=60) != 0
        for worker in WORKERS:
            answer(worker, f"touch {GO}")
        ended = typed(here, scenes.ENDED)
    finally:
        run.kill()
        run.wait()
        for worker in WORKERS:
            answer(worker, f"rm -f {GO}")
    assert "18 tasks = 18 done" in ended[4].stdout
    assert (here.checkout / "farm.prom").read_text().startswith("# HELP farm_")


def test_a_run_that_failed_is_looked_at_and_tried_again(here: Site) -> None:
    (here.checkout / "tasks.txt").write_text("touch $FARM_OUT/a.npz\necho no light curve; exit 3\n")
    typed(here, [scenes.RUNS[1], *scenes.FAILED], Exit.TASKS_FAILED)
    runs, status, logs = typed(here, scenes.AFTER_FAILURE)
    assert every("lab")[-1].id in runs.stdout
    assert "1 held" in status.stdout
    assert "no light curve" in logs.stdout
