"""What the head makes of a part: taken, refused, or the end of the run."""

import hashlib
import json
from pathlib import Path, PurePosixPath

import pytest
from local import LocalSession, LocalTransport, host

from farm import runs
from farm.errors import PartsError, RunError
from farm.journal import Task
from farm.mining.parts import Collector
from farm.preflight import Release
from features.mining.job import Job, Limits

TASK = Task("n1", "mine", detail={"objects": 1000})
ERROR = {"kind": "ValueError, s.py line 1", "count": 6, "objects": ["o1"], "traceback": "ValueError: no"}


@pytest.fixture
def collector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Collector:
    monkeypatch.setenv("FARM_HOME", str(tmp_path / "home"))
    job = Job("s.py", "f", "0", "ztf", "all", "csv", Limits(errors=10), {"n": "int64"})
    folder = tmp_path / "parts"
    folder.mkdir()
    release = Release(PurePosixPath("/opt/farm/releases/d"), "d", "s")
    return Collector(runs.create("lab", "mine"), release, job, folder, tmp_path / "shared", 5)


def collect(collector: Collector, objects: int, failed: int) -> None:
    """A part of so many objects, of which some failed, as a worker leaves it."""
    run, shared = collector.run.id, collector.shared
    assert shared
    out = shared / "runs" / run / "n1.1"
    out.mkdir(parents=True)
    data = b"objectId,n\n"
    (out / "n1.1.csv").write_bytes(data)
    told = {"format": 1, "run": run, "environment": "lab", "release": "d", "task": "n1", "attempt": 1, "range": None,
            "window": "all", "script": "0", "function": "f", "objects": objects, "rows": 3, "yielded": 2,
            "failed": failed, "unread": [], "errors": [ERROR], "sha256": hashlib.sha256(data).hexdigest()}  # fmt: skip
    (out / "n1.1.json").write_text(json.dumps(told))
    collector(LocalSession(LocalTransport(shared), host("w1")), TASK, 1)


def test_a_part_that_ended_early_since_too_many_failed_ends_the_run(collector: Collector) -> None:
    with pytest.raises(RunError, match="has failed for 16 objects, and may for 10"):
        collect(collector, objects=20, failed=11)
    assert collector.spent


def test_failures_of_all_parts_together_count(collector: Collector) -> None:
    with pytest.raises(RunError, match="has failed for 11 objects"):
        collect(collector, objects=1000, failed=6)


def test_a_part_without_all_its_objects_is_refused_and_its_failures_do_not_count(collector: Collector) -> None:
    with pytest.raises(PartsError, match="20 objects of 1000"):
        collect(collector, objects=20, failed=5)
    assert (collector.failed, collector.spent) == (5, False)


def test_a_part_of_all_its_objects_is_taken(collector: Collector) -> None:
    collect(collector, objects=1000, failed=5)
    assert collector.failed == 10
