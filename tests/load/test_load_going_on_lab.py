"""A load that dies goes on where its last chunk was committed; in the end the table is that of a load that did not."""

import random
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cluster
import pytest
from conftest import Own
from killed import POINTS
from loaders import Ended, counts, ended, run, start
from simulated_parts import simulate, write_part, write_parts

from farm.load import pacing
from farm.load.main import load
from farm.load.place import Ledger

pytestmark = [pytest.mark.lab, pytest.mark.faults]
ROWS = 2_000
WANTED = {"inserted": 500, "updated": 500, "unchanged": 998, "guarded": 2}


@dataclass(frozen=True)
class Prepared:
    own: Own
    parts: Path
    option_file: Path
    before: str
    """The table's checksum before a load."""
    after: str
    """And after one that nobody disturbed."""

    def renew(self) -> None:
        self.own.sql("DELETE FROM farm_load; DELETE FROM objects; INSERT INTO objects SELECT * FROM before_load")

    def require_undone(self) -> None:
        """The rows that were there before the load are as they were, to the last bit."""
        self.own.sql("DELETE o FROM objects AS o LEFT JOIN before_load AS b USING (objectId) WHERE b.objectId IS NULL")
        assert self.own.checksum() == self.before


@pytest.fixture(scope="module")
def undisturbed(own_database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    """A table of 1,500 rows, two of them further than the parts; of these 500 differ, and 500 more are new."""
    folder = tmp_path_factory.mktemp("going-on")
    own = Own(folder)
    own.sql("DELETE FROM objects; CREATE TABLE before_load LIKE objects")
    option_file = own.option_file()
    old = simulate(ROWS)
    for column in ("gmag", "decmean", "ssnamenr"):
        old.missing[column][:500] = ~old.missing[column][:500]
    old.values["jdmax"][600:602] += 1
    write_part(folder / "old", old)
    load(folder / "old", option_file)
    own.sql("DELETE FROM objects WHERE objectId >= 'LT0001500'; INSERT INTO before_load SELECT * FROM objects")
    before = own.checksum()
    write_parts(folder / "parts", simulate(ROWS), 4)
    said = run(folder / "parts", option_file).json()
    assert counts(said) == WANTED
    assert said["load"]["conflicts"] == 0
    shutil.rmtree(folder / "parts" / ".load")
    yield Prepared(own, folder / "parts", option_file, before, own.checksum())
    own.sql("DROP TABLE before_load")


@pytest.fixture
def case(undisturbed: Prepared, tmp_path: Path) -> Prepared:
    """The table before the load, and parts that nobody has loaded yet."""
    undisturbed.renew()
    parts = shutil.copytree(undisturbed.parts, tmp_path / "parts")
    return Prepared(undisturbed.own, parts, undisturbed.option_file, undisturbed.before, undisturbed.after)


def require_as_undisturbed(case: Prepared, last: Ended) -> None:
    assert counts(last.json()) == WANTED
    assert [case.own.checksum(node) for node in cluster.NODES] == [case.after] * len(cluster.NODES)
    assert counts(run(case.parts, case.option_file).json()) == {"unchanged": 1998, "guarded": 2}
    said = run(case.parts, case.option_file, "--undo").json()
    assert (said["undo"]["restored"], said["undo"]["inserted"]) == (500, 500)
    case.require_undone()


@pytest.mark.parametrize("point", [point for point in POINTS if point not in ("never", "finished")])
def test_a_loader_killed_at_any_point_goes_on_and_its_counts_add_up_over_both(case: Prepared, point: str) -> None:
    assert run(case.parts, case.option_file, dies=point).code == -signal.SIGKILL
    last = run(case.parts, case.option_file)
    assert ("going on after" in last.stderr) == (point not in ("begun", "staged"))
    require_as_undisturbed(case, last)


def test_a_loader_killed_when_it_had_finished_begins_anew(case: Prepared) -> None:
    assert run(case.parts, case.option_file, dies="finished").code == -signal.SIGKILL
    assert case.own.checksum("g3") == case.after
    assert counts(run(case.parts, case.option_file).json()) == {"unchanged": 1998, "guarded": 2}


def test_a_loader_killed_at_five_random_moments_goes_on_each_time(case: Prepared) -> None:
    killed = 0
    while killed < 5:
        loader = start(case.parts, case.option_file, "--max-rate=400")
        await_line(loader.stderr, "check")
        time.sleep(random.uniform(0.05, 0.6))
        loader.kill()
        killed += ended(loader).code == -signal.SIGKILL
    require_as_undisturbed(case, run(case.parts, case.option_file))


def test_a_table_that_gets_a_column_and_an_index_meanwhile_is_loaded_all_the_same(case: Prepared) -> None:
    loader, changed = start(case.parts, case.option_file, "--max-rate=400"), 0
    while loader.poll() is None:
        case.own.sql("ALTER TABLE objects ADD COLUMN noted INT NULL, ADD INDEX noted (noted)", "g2")
        case.own.sql("ALTER TABLE objects DROP COLUMN noted", "g2")
        changed += 1
        time.sleep(0.5)
    last = ended(loader)
    assert changed > 1
    require_as_undisturbed(case, last)


@pytest.mark.parametrize("resumed", [False, True])
def test_a_load_that_the_table_has_forgotten_is_undone_whole(case: Prepared, resumed: bool) -> None:
    assert run(case.parts, case.option_file, dies="merged").code == -signal.SIGKILL
    case.own.sql("DELETE FROM farm_load")
    if resumed:
        assert run(case.parts, case.option_file).json()["ok"]
        assert case.own.checksum("g3") == case.after
        case.own.sql("DELETE FROM farm_load")
    run(case.parts, case.option_file, "--undo").json()
    case.require_undone()


def await_line(stream: object, word: str) -> None:
    while word not in (line := stream.readline()):  # type: ignore[attr-defined]
        assert line, "the loader ended"


def test_an_interrupted_loader_gives_the_table_back_and_goes_on(case: Prepared) -> None:
    loader = start(case.parts, case.option_file, "--max-rate=400")
    await_line(loader.stderr, "check")
    time.sleep(1.5)
    loader.send_signal(signal.SIGINT)
    stopped = ended(loader)
    assert (stopped.code, stopped.stdout) == (130, "")
    assert "Run it again, and it goes on" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert case.own.sql("SELECT holder IS NULL FROM farm_load WHERE id = ''") == "1"
    last = run(case.parts, case.option_file)
    assert "going on after" in last.stderr
    require_as_undisturbed(case, last)


@pytest.mark.parametrize("point", ["merged", "committed"])
def test_an_undo_that_is_killed_goes_on(case: Prepared, point: str) -> None:
    run(case.parts, case.option_file).json()
    assert run(case.parts, case.option_file, "--undo", dies=point).code == -signal.SIGKILL
    said = run(case.parts, case.option_file, "--undo").json()
    assert (said["undo"]["rows"], said["undo"]["restored"]) == (500, 500)
    case.require_undone()


def test_rows_that_the_pipeline_writes_during_the_load_survive(case: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare, chunks = Ledger.prepare, []
    ours = "(objectId LIKE 'LT000005_' OR objectId LIKE 'LT000105_')"

    def write_meanwhile(*arguments: object) -> object:
        chunks.append(1)
        if len(chunks) == 3:
            case.own.sql(f"UPDATE objects SET jdmax = jdmax + 1, gmag = 7 WHERE {ours}", "g2")
        return prepare(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(pacing, "MOST", 100)
    monkeypatch.setattr(Ledger, "prepare", write_meanwhile)
    said = load(case.parts, case.option_file)
    assert said["ok"]
    assert case.own.sql(f"SELECT COUNT(*) FROM objects WHERE gmag = 7 AND {ours}") == "20"
    merged_after = [f"LT000105{digit}" for digit in range(10)]
    assert said["load"]["guarded_objects"] == ["LT0000600", "LT0000601", *merged_after]
    assert said["verify"]["guarded"] == 22
