"""A mining run through what happens to any run: a dead head, a dead worker, one that is added, a dataset half made."""

import os
import shutil
import signal
import threading
from dataclasses import dataclass
from pathlib import Path

import pandas
import pytest
from command import ROOT, Ended, farm
from heads import attempts, books, eventually, holders, on, rows
from light_curves import Seeded

from farm import lab
from farm.errors import Exit
from farm.lab import host as lab_host
from farm.mining import dataset
from farm.runs import Run

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]
RANGES = 18
SCRIPT = """
import time

from features.mining import batch
from light_curve import Periodogram

@batch(columns="jd", schema={"n": "int64"})
def lengths(curves):
    time.sleep(0.01 * len(curves))
    yield {"n": curves.segments.count}
"""


@dataclass(frozen=True)
class Struck:
    run: Run
    out: Path
    ended: Ended


def came_up(run: Run, worker: str) -> int:
    """How often."""
    return len(rows(run, f"SELECT 1 FROM events WHERE worker = '{worker}' AND what = 'up'"))


def done(run: Run) -> int:
    return len(rows(run, "SELECT 1 FROM tasks WHERE state = 'done'"))


@pytest.fixture(scope="module")
def struck(seeded: Seeded, tmp_path_factory: pytest.TempPathFactory) -> Struck:
    """Detached on three workers, its head killed, resumed on them; then one of them dies and a fourth one is added."""
    folder = tmp_path_factory.mktemp("mining")
    script, out = folder / "slow.py", folder / "lengths"
    script.write_text(SCRIPT)
    options = ("--with", "light-curve", "--limit", "w1,w2,w3", "--slots", "1", "--ranges", str(RANGES))
    begun = farm("mine", f"{script}:lengths", "--out", str(out), "--window", "all", "--detach", *options)
    assert begun.code == Exit.OK, begun.stderr
    run = Run("lab", begun.stdout.strip())
    eventually(lambda: done(run) >= 2, "two tasks are done")
    for head in holders(run):
        os.kill(head, signal.SIGKILL)
    script.write_text("what is written here now is not what the run began with")
    found: list[Ended] = []
    resuming = threading.Thread(target=lambda: found.append(farm("resume", run.id, "--json")))
    resuming.start()
    try:
        eventually(lambda: came_up(run, "w3") == 2 and attempts(run, "w3", "sent"), "w3 works again")
        added = farm("workers", "add", run.id, "w4", "--slots", "1")
        assert added.code == Exit.OK, added.stderr
        lab_host.kill(lab.find("w3"))
        resuming.join(timeout=120)
    finally:
        assert farm("lab", "start", "w3").code == Exit.OK
    return Struck(run, out, found[0])


def test_the_dataset_is_whole_although_head_and_worker_were_lost(struck: Struck, seeded: Seeded) -> None:
    assert struck.ended.code == Exit.OK, struck.ended.stderr
    assert books(struck.run, RANGES, ("w1", "w2", "w4")) == {"done": RANGES}
    assert rows(struck.run, "SELECT 1 FROM events WHERE worker = 'w3' AND what = 'lost'")
    found = pandas.read_parquet(struck.out)
    assert (len(found), found.n.sum()) == (seeded.objects, seeded.rows)
    assert found.objectId.is_unique
    assert not dataset.incoming_of(struck.out, struck.run.id).exists()


def test_a_worker_that_is_added_gets_the_script_and_its_packages_and_keeps_nothing(struck: Struck) -> None:
    assert rows(struck.run, "SELECT 1 FROM attempts WHERE worker = 'w4' AND state = 'accepted'")
    for host in ("w1", "w2", "w4"):
        assert on(host, f"ls -d /var/lib/farm/runs/{struck.run.id} 2>/dev/null || true") == ""


def test_a_dataset_that_a_killed_head_left_half_made_is_finished_by_resume(struck: Struck) -> None:
    incoming, whole = dataset.incoming_of(struck.out, struck.run.id), pandas.read_parquet(struck.out)
    incoming.mkdir()
    parts = sorted(struck.out.iterdir())
    accepted = dict(rows(struck.run, "SELECT id, accepted FROM tasks"))
    for part in parts[::2]:
        task = part.stem.removeprefix("part-")
        part.rename(incoming / f"{task}.{accepted[task]}.parquet")
    assert farm("resume", struck.run.id).code == Exit.OK
    assert sorted(struck.out.iterdir()) == parts
    pandas.testing.assert_frame_equal(pandas.read_parquet(struck.out), whole)
    assert not incoming.exists()
    again = farm("resume", struck.run.id)
    assert again.code == Exit.RUN
    assert "nothing left to do" in again.stderr


def test_parts_come_by_the_folder_that_workers_and_head_share(seeded: Seeded, tmp_path: Path) -> None:
    """The lab shares none: the head sees the worker's own through the worker's root."""
    shared = Path(f"/var/tmp/farm-shared-{os.getpid()}")
    inventory = shutil.copytree(ROOT / "inventory" / "lab", tmp_path / "lab")
    (inventory / "group_vars" / "all").mkdir(parents=True, exist_ok=True)
    (inventory / "group_vars" / "all" / "shared.yml").write_text(f"farm_shared_dir: {shared}\n")
    script = tmp_path / "own.py"
    script.write_text(SCRIPT.replace("from light_curve import Periodogram\n", ""))
    on("w1", f"install -d -o farm -g farm {shared}")
    shared.symlink_to(f"/proc/{lab_host.init(lab.find('w1'))}/root{shared}")
    try:
        out = tmp_path / "out"
        options = ("--sample", "3%", "--limit", "w1", "--inventory", str(inventory))
        ended = farm("mine", f"{script}:lengths", "--out", str(out), *options)
        assert ended.code == Exit.OK, ended.stderr
        assert on("w1", f"ls {shared}").split() == ["runs"], "the worker's agent made it, and took the run's own away"
        assert 0 < len(pandas.read_parquet(out)) < 0.1 * seeded.objects
    finally:
        shared.unlink()
        on("w1", f"rm -rf {shared}")
