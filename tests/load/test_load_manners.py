"""A writer like the pipeline hardly feels a load beside it, and its rows survive; a plain LOAD DATA it does feel."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cluster
import numpy as np
import pipeline
import pytest
from command import ROOT
from conftest import Own
from simulated_parts import ZTF, simulate, write_part

from farm.errors import GaleraError
from farm.galera import Node, read_account
from farm.load.main import load
from farm.load.sql import names

pytestmark = [pytest.mark.lab, pytest.mark.faults, pytest.mark.timeout(450)]
ROWS, FILES = 1_000, 4
TURNS = 3
"""The machine's disk has slow minutes, which strike one measurement of a turn and not the other: a turn is measured
again, twice at most."""
WINDOW, WINDOWS = 2.0, 5
"""Seconds of a window, and how many there are without the load: the median of their 99th percentiles counts."""
SLOWED = 0.3
FELT = 1.5
"""How many times as long a commit may take beside a load."""
_FORMAT = r"CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' IGNORE 1 LINES"


class Pipeline:
    """The writer's process, and the time and the latency of each of its commits, in seconds."""

    def __init__(self, option_file: Path, address: str, objects: list[str]) -> None:
        command = [sys.executable, pipeline.__file__, "--option-file", str(option_file), "--address", address]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        assert self._process.stdin is not None
        self._process.stdin.write("\n".join(objects) + "\n\n")
        self._process.stdin.flush()
        self.commits: list[tuple[float, float]] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            at, seconds = map(float, line.split())
            self.commits.append((at, seconds))

    def latency(self, begun: float, ended: float) -> float:
        """The median, over windows of this time, of the 99th percentile of commits."""
        commits = np.array(self.commits)
        starts = np.arange(begun, max(ended - WINDOW, begun) + 1e-3, WINDOW)
        windows = [commits[(commits[:, 0] >= at) & (commits[:, 0] < at + WINDOW), 1] for at in starts]
        return float(np.median([np.percentile(each, 99) for each in windows if len(each)]))

    def end(self) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._reader.join()


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Runs of the same objects, each with other values: one to begin with, and two a turn."""
    folder = tmp_path_factory.mktemp("manners")
    for run in range(1 + 2 * TURNS):
        for file in range(FILES):
            size = ROWS // FILES
            rows = simulate(size, seed=10 * run + file, first=file * size)
            rows.values["jdmax"] = np.full(size, 2_460_000.5) + run  # type: ignore[index]
            write_part(folder / str(run), rows, f"t{file}", range=None)
    return [folder / str(run) for run in range(1 + 2 * TURNS)]


@pytest.fixture
def writer(own: Own, parts: list[Path]) -> Iterator[Pipeline]:
    """The pipeline at work on another node than the load's, on rows of its own and of the loaded run."""
    cluster.await_whole()
    load(parts[0], own.option_file())
    begun = Pipeline(own.option_file(), cluster.address("g2"), [f"LT{number:07d}" for number in range(0, ROWS, 10)])
    end = time.monotonic() + 30
    while len(begun.commits) < 200:
        assert time.monotonic() < end
        time.sleep(0.1)
    yield begun
    begun.end()
    cluster.slow("g3", None)
    cluster.await_whole()


def timed(writer: Pipeline, act: Callable[[], object]) -> float:
    begun = time.monotonic()
    act()
    return writer.latency(begun, time.monotonic())


def alone() -> None:
    time.sleep(WINDOW * WINDOWS)


def load_plainly(own: Own, parts: Path) -> None:
    """LOAD DATA ... REPLACE of the same files, for as long as it takes; one that lost against the pipeline, again."""
    own.sql("GRANT DELETE ON farm_test.* TO farm_tester@'%'")
    account = read_account(own.option_file())
    with Node(account, account.hosts[0]) as node:
        end = time.monotonic() + 3 * WINDOW
        while time.monotonic() < end:
            for file in sorted(parts.glob("*.csv")):
                try:
                    node.load(
                        f"LOAD DATA LOCAL INFILE %s REPLACE INTO TABLE objects {_FORMAT} ({names(ZTF.columns)})", file
                    )
                    node.commit()
                except GaleraError:
                    node.rollback()


@dataclass(frozen=True)
class Turn:
    """The pipeline's latency in seconds: without a load, beside one, and beside a plain one."""

    without: float
    beside: float
    plainly: float

    @property
    def well(self) -> bool:
        return self.beside <= FELT * self.without and self.beside < self.plainly


def turn(own: Own, writer: Pipeline, ours: Path, plain: Path) -> Turn:
    """Measure all three; what the pipeline had written is there after the load."""
    without = timed(writer, alone)
    said: dict[str, Any] = {}
    beside = timed(writer, lambda: said.update(load(ours, own.option_file())))
    without = max(without, timed(writer, alone))
    assert said["ok"]
    assert said["load"]["updated"] > ROWS // 2
    guarded = said["load"]["guarded_objects"]
    kept = own.sql(f"SELECT COUNT(*) FROM objects WHERE objectId IN {tuple(guarded)} AND gmag = {pipeline.MAGNITUDE}")
    assert int(kept) == len(guarded) > 1
    return Turn(without, beside, timed(writer, lambda: load_plainly(own, plain)))


def require_manners(own: Own, parts: list[Path], writer: Pipeline) -> None:
    turns: list[Turn] = []
    for ours, plain in zip(parts[1::2], parts[2::2], strict=True):
        turns.append(turn(own, writer, ours, plain))
        if turns[-1].well:
            return
    raise AssertionError([f"{each.without:.4f} s, {each.beside:.4f} s, {each.plainly:.4f} s" for each in turns])


def test_the_pipeline_hardly_feels_a_load_but_a_plain_one_and_its_rows_survive(
    own: Own, parts: list[Path], writer: Pipeline
) -> None:
    require_manners(own, parts, writer)


def test_the_pipeline_hardly_feels_a_load_while_a_replica_is_slow(
    own: Own, parts: list[Path], writer: Pipeline
) -> None:
    cluster.slow("g3", SLOWED)
    require_manners(own, parts, writer)
