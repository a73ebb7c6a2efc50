"""Parts on their way from a worker to the head, over the connection or through a shared folder."""

import hashlib
import json
from pathlib import Path, PurePosixPath

import pytest
from local import LocalSession, LocalTransport, host

from farm import plan, runs
from farm.collect import PartCollector
from farm.errors import PartsError, RunError
from farm.journal import Accepted, Task
from farm.link import Worker
from farm.preflight import Release
from farm.worker.protocol import ROOT

RELEASE = Release(PurePosixPath("/opt/farm/releases/d"), "d", "s")
CSV = b"objectId\nZTF1\n"


class Place:
    """A worker that has done the first task of a plan, and the head's collector for it."""

    def __init__(self, folder: Path, shared: bool) -> None:
        self.run = runs.create("lab", "rebuild")
        self.task: Task = plan.rebuild("lab", [Worker(host("w1"), 1)], RELEASE, 30, pieces=2).tasks[0]
        self.session = LocalSession(LocalTransport(folder), host("w1"))
        self.shared = folder / "shared" if shared else None
        self.collect = PartCollector(self.run, RELEASE, 30, self.shared)
        work = f"runs/{self.run.id}/{self.task.id}.1"
        self.out = self.shared / work if self.shared else folder / "w1" / work / "out"
        self.out.mkdir(parents=True)

    def write(self, csv: bytes = CSV, **changes: object) -> None:
        manifest = {
            "format": 1, "run": self.run.id, "task": self.task.id, "attempt": 1, "environment": "lab",
            "range": (self.task.detail or {})["range"], "window": 30, "rows": 9, "objects": 1, "unread": ["ZTF2"],
            "sha256": hashlib.sha256(CSV).hexdigest(), "release": "d", "schema": "s", "read_at": "now",
            "consistency": "ONE",
        }  # fmt: skip
        self.out.joinpath(f"{self.task.id}.1.csv").write_bytes(csv)
        self.out.joinpath(f"{self.task.id}.1.json").write_text(json.dumps(manifest | changes))


@pytest.fixture(params=[False, True], ids=["connection", "shared folder"])
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Place:
    monkeypatch.setenv("FARM_HOME", str(tmp_path / "home"))
    return Place(tmp_path, request.param)


def names(place: Place) -> list[str]:
    return sorted(path.name for path in place.run.parts.iterdir())


def test_a_good_part_stands_in_the_run_with_its_manifest(place: Place) -> None:
    place.write()
    result = place.collect(place.session, place.task, 1)
    assert (result["objects"], result["rows"], result["bytes"], result["unread"]) == (1, 9, len(CSV), ["ZTF2"])
    assert names(place) == ["r1.1.csv", "r1.1.json"]
    assert (place.run.parts / "r1.1.csv").read_bytes() == CSV


def test_parts_that_no_head_has_noted_are_swept_before_their_tasks_run_again(place: Place) -> None:
    for name in ("r1.1", "r1.2", "r2.1"):
        for kind in ("csv", "json"):
            (place.run.parts / f"{name}.{kind}").write_bytes(CSV)
    place.collect.sweep(lambda: [Accepted("r1", 2, "w1", {}, {}, 1.0)])
    assert names(place) == ["r1.2.csv", "r1.2.json"]


@pytest.mark.parametrize("change", [{"release": "e"}, {"schema": "t"}, {"window": "all"}, {"range": [0, 1]}])
def test_a_part_that_the_plan_did_not_ask_for_is_refused(place: Place, change: dict[str, object]) -> None:
    place.write(**change)
    with pytest.raises(PartsError, match=next(iter(change))):
        place.collect(place.session, place.task, 1)
    assert names(place) == []


def test_a_part_that_was_damaged_on_its_way_is_refused(place: Place) -> None:
    place.write(csv=CSV.replace(b"1", b"7"))
    with pytest.raises(PartsError, match="damaged"):
        place.collect(place.session, place.task, 1)
    assert names(place) == []


def test_a_task_that_left_no_part_is_refused(place: Place) -> None:
    with pytest.raises(PartsError, match=r"left no r1\.1\.json"):
        place.collect(place.session, place.task, 1)


def test_a_head_without_room_for_parts_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARM_HOME", str(tmp_path / "home"))
    place = Place(tmp_path, shared=True)
    place.write()
    incoming = place.run.folder / "incoming"
    incoming.mkdir()
    incoming.joinpath("r1.1.json").symlink_to("/dev/full")
    with pytest.raises(RunError, match="No space left"):
        place.collect(place.session, place.task, 1)


def test_commands_name_the_pinned_release_and_the_place_of_their_output() -> None:
    (task, *_) = plan.rebuild("lab", [Worker(host("w1"), 2)], RELEASE, "all").tasks
    assert task.command.startswith("exec /opt/farm/releases/d/bin/rebuild_objects --range=-9223372036854775808:")
    assert "--window all" in task.command
    assert ROOT not in task.command
