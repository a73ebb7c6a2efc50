"""Galera nodes that die, hang or are cut off while csv_to_database runs: it goes on, and the table is as it must be."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cluster
import pytest
from conftest import Own
from loaders import Ended, counts
from simulated_parts import simulate, write_part

from farm import lab
from farm.load.main import load

pytestmark = [pytest.mark.lab, pytest.mark.faults, pytest.mark.timeout(300)]
ROWS = 2_400
WRITER, OTHER = "g1", "g3"
PROGRAM = Path(sys.executable).with_name("csv_to_database")


@pytest.fixture(scope="module")
def undisturbed(own_database: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Parts, and the checksum of the table that they make where nothing happens."""
    cluster.await_whole()
    folder = tmp_path_factory.mktemp("faults")
    own = Own(folder)
    own.sql("DELETE FROM objects; DELETE FROM farm_load")
    write_part(folder / "parts", simulate(ROWS))
    load(folder / "parts", own.option_file())
    return folder / "parts", own.checksum()


@pytest.fixture
def table(undisturbed: tuple[Path, str], own: Own) -> Iterator[Own]:
    """The empty table, and a cluster that is whole before and after."""
    yield own
    cluster.heal()
    assert [own.checksum(node) for node in cluster.NODES] == [undisturbed[1]] * len(cluster.NODES)


class Load:
    """csv_to_database, going on slowly enough for something to happen to it."""

    def __init__(self, parts: Path, option_file: Path) -> None:
        command = [PROGRAM, parts, "--option-file", option_file, "--max-rate", "600", "--json"]
        self._process = subprocess.Popen(
            list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._said: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._said.append(line)

    @property
    def said(self) -> str:
        return "".join(self._said)

    def await_said(self, text: str, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while text not in self.said:
            assert time.monotonic() < end, f"it did not say {text!r}: {self.said}"
            assert self._process.poll() is None, self.said
            time.sleep(0.05)

    def ended(self) -> Ended:
        assert self._process.stdout is not None
        with self._process:
            stdout = self._process.stdout.read()
            self._reader.join()
        return Ended(self._process.returncode, stdout, self.said)


@pytest.fixture
def going(undisturbed: tuple[Path, str], table: Own) -> Load:
    """A load in the middle of its merge."""
    begun = Load(undisturbed[0], table.option_file())
    end = time.monotonic() + 60
    while int(table.sql("SELECT COUNT(*) FROM objects")) < ROWS // 8:
        assert time.monotonic() < end, begun.said
    return begun


def require_loaded(done: Ended) -> dict[str, object]:
    said = done.json()
    assert sum(counts(said).values()) == ROWS, said["load"]
    assert (said["verify"]["equal"], said["ok"]) == (ROWS, True)
    return dict(said)


@pytest.mark.parametrize("fault", [lab.kill, lab.freeze, lab.cut], ids=["killed", "frozen", "cut off"])
def test_a_load_whose_own_node_is_lost_goes_on_at_another_one(going: Load, fault: Callable[[str], None]) -> None:
    fault(WRITER)
    done = going.ended()
    said = require_loaded(done)
    assert "going on at another node" in done.stderr
    assert said["load"]["node"] != lab.find(WRITER).address  # type: ignore[index]
    assert lab.find(WRITER).address not in said["verify"]["nodes"]  # type: ignore[index]


def test_a_load_goes_on_while_another_node_hangs_and_says_that_it_does(going: Load) -> None:
    lab.freeze(OTHER)
    done = going.ended()
    said = require_loaded(done)
    assert f"{lab.find(OTHER).address} " in done.stderr
    assert "the rows are compared with one node" in done.stderr
    assert said["verify"]["nodes"] == [lab.find("g2").address]  # type: ignore[index]


@pytest.mark.parametrize("fault", [lab.kill, lab.cut], ids=["killed", "cut off"])
def test_a_load_goes_on_when_another_node_is_lost(going: Load, fault: Callable[[str], None]) -> None:
    fault(OTHER)
    done = going.ended()
    said = require_loaded(done)
    assert "the rows are compared with one node" in done.stderr
    used = [said["load"]["node"], *said["verify"]["nodes"]]  # type: ignore[index,misc]
    assert sorted(used) == [lab.find(node).address for node in (WRITER, "g2")]


def test_a_load_waits_for_a_node_that_is_not_synced_and_goes_on_when_it_is(going: Load, table: Own) -> None:
    address, rows = lab.find(OTHER).address, "SELECT COUNT(*) FROM objects"
    table.sql("SET GLOBAL wsrep_desync = ON", OTHER)
    try:
        going.await_said(f"{address} is not synced (Donor/Desynced): waiting")
        merged = table.sql(rows)
        time.sleep(1)
        assert table.sql(rows) == merged
        assert int(merged) < ROWS
    finally:
        table.sql("SET GLOBAL wsrep_desync = OFF", OTHER)
    done = going.ended()
    said = require_loaded(done)
    assert "the cluster is well again: going on" in done.stderr
    assert len(said["verify"]["nodes"]) == 2  # type: ignore[index]


def test_a_load_whose_cluster_loses_its_quorum_says_so_waits_and_goes_on_when_it_heals(going: Load) -> None:
    for node in ("g2", "g3"):
        lab.cut(node)
    going.await_said("Waiting for them")
    assert "quorum" in going.said
    for node in ("g2", "g3"):
        lab.heal(node)
    done = going.ended()
    require_loaded(done)
    assert done.stderr.count("Waiting for them") == 1
