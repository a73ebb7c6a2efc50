"""A trial on a worker: over the arcs of a sample, with what it prints, and nothing of it left."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path, PurePosixPath

import pytest
from command import ROOT
from local import LocalTransport, host, tasks_running

from farm.errors import CassandraError, InputError, ReleaseError
from farm.mining import bundle, trial, usable
from farm.mining.trial import Trial
from farm.preflight import Release
from features.mining.job import Job, Limits

JOB = Job("s.py", "f", "0", "ztf", "all", "parquet", Limits())
TOLD = {"objects": 3, "rows": 30, "yielded": 3, "bytes": 10, "seconds": 1.0, "function_seconds": 0.5,
        "ring": 0.1, "failed": 0, "errors": [], "columns": ["jd"], "types": {"n": "int64"}}  # fmt: skip
NOTHING = TOLD | {"objects": 0, "rows": 0, "yielded": 0, "types": None}


class Place:
    """A worker whose ``mine_objects`` is a shell script."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, folder / "w1"
        self.release = Release(PurePosixPath(folder / "release"), "d", "s")
        (self.root / "runs").mkdir(parents=True)
        (folder / "release" / "bin").mkdir(parents=True)
        self.program("python", f'exec {sys.executable} "$@"')

    def program(self, name: str, text: str) -> None:
        file = self.folder / "release" / "bin" / name
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)

    def run(self, mine: str, *arcs: str) -> Trial:
        self.program("mine_objects", mine)
        script, archive = self.folder / "s.py", self.folder / "a.tar"
        script.touch()
        digest = bundle.build(archive, JOB, script, ())
        transport = LocalTransport(self.folder)
        return trial.run(host("w1"), transport, self.release, archive, digest, arcs or ["1:2"], 500)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return Place(tmp_path)


def says(told: dict[str, object]) -> str:
    return f"echo '{json.dumps(told)}'"


def test_what_a_function_leaves_running_ends_with_its_trial(place: Place) -> None:
    work = place.folder / "daemon"
    work.mkdir()
    tried = place.run(f"(cd {work} && exec setsid sleep 300 >/dev/null 2>&1) &\nsleep 0.2\n{says(TOLD)}")
    assert tried.objects == 3
    assert not tasks_running(work)
    assert not list((place.root / "runs").iterdir())


def test_a_trial_ends_with_the_head_s_connection_and_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "trial-1"
    folder.mkdir()
    words = [
        sys.executable,
        "-m",
        "farm.worker.alone",
        str(folder),
        "600",
        f"cd {folder}; setsid sleep 300 & sleep 301",
    ]
    begun = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ, cwd=ROOT)
    until = time.monotonic() + 20
    while not tasks_running(folder) and time.monotonic() < until:
        time.sleep(0.05)
    assert tasks_running(folder)
    out, _ = begun.communicate(timeout=20)
    assert json.loads(out)["reason"] == "killed"
    assert not tasks_running(folder)
    assert not folder.exists()


def test_what_is_printed_is_told_but_not_without_end(place: Place) -> None:
    assert place.run(f"echo looking >&2\n{says(TOLD)}").printed == "looking"
    printed = place.run(f"yes looking | head -5000 >&2\n{says(TOLD)}").printed
    assert len(printed) < 2100
    assert printed.endswith("(and more)")


def test_the_next_arc_is_tried_where_one_has_no_objects(place: Place) -> None:
    arcs = f'case "$*" in *--range=1:2) {says(NOTHING)};; *--range=3:4) {says(TOLD)};; *) exit 1;; esac'
    tried = place.run(arcs, "1:2", "3:4", "5:6")
    assert (tried.objects, tried.ring) == (3, pytest.approx(0.2))
    assert place.run(says(NOTHING), "1:2", "3:4").ring == pytest.approx(0.2)


@pytest.mark.parametrize(("code", "error"), [(17, InputError), (14, CassandraError), (3, ReleaseError)])
def test_a_trial_that_fails_says_why(place: Place, code: int, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"it is so$"):
        place.run(f"echo printed >&2\necho 'mine_objects: it is so' >&2\nexit {code}")
    assert not list((place.root / "runs").iterdir())


def test_a_release_that_cannot_try_anything_is_named(place: Place) -> None:
    place.program("python", "exit 3")
    with pytest.raises(ReleaseError, match="w1 cannot be told of"):
        place.run(says(TOLD))


def tried(**changes: object) -> Trial:
    told = TOLD | {"printed": ""} | changes
    told["size"] = told.pop("bytes")
    return Trial(**told)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("named", "part", "said"),
    [
        (False, 0.001, "the sample has no objects: take more than 0.1%"),
        (True, 1.0, "none of the objects that are named"),
        (False, 1.0, "is its table filled"),
    ],
)
def test_without_an_object_there_is_no_run_and_the_reason_is_told(named: bool, part: float, said: str) -> None:
    with pytest.raises(InputError, match=said):
        usable.require_objects(tried(objects=0), named=named, part=part)
    usable.require_objects(tried(), named=named, part=part)
