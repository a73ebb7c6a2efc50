"""Which tasks a rebuild is made of."""

import subprocess
from pathlib import Path, PurePosixPath

import pytest
from local import host

from farm import plan
from farm.errors import InputError
from farm.link import Worker
from farm.objects import Objects, listed
from farm.parts import cover_ring
from farm.preflight import Release

RELEASE = Release(PurePosixPath("/opt/farm/releases/d"), "d", "s")
WORKERS = [Worker(host("w1"), 2), Worker(host("w2"), 2)]


def named(number: int) -> Objects:
    return Objects(tuple(f"ZTF{each:07}" for each in range(number)), "a list")


def test_a_rebuild_of_every_object_covers_the_ring() -> None:
    tasks = plan.rebuild("lab", WORKERS, RELEASE, 30).tasks
    cover_ring((task.detail or {})["range"] for task in tasks)
    assert len(tasks) == plan.TASKS_A_SLOT * 4


@pytest.mark.parametrize(("number", "pieces"), [(1, 1), (500, 1), (501, 2), (6_000, 12), (40_000, 12), (100_001, 26)])
def test_named_objects_are_shared_among_tasks_that_are_worth_their_start(number: int, pieces: int) -> None:
    shares = plan.share(named(number).ids, slots=4)
    assert len(shares) == pieces
    assert [each for share in shares for each in share] == list(named(number).ids)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_command_hands_its_names_to_the_program(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "rebuild_objects"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\ncat "$2" > {tmp_path}/names; echo "$@"\n')
    program.chmod(0o755)
    release = Release(PurePosixPath(tmp_path), "d", "s")
    asked = Objects(("ZTF1$(id)", "ZTF'2\"", *named(4_000).ids), "a list")
    (task, *_) = plan.rebuild("lab", WORKERS, release, 30, objects=asked, rate=8_000).tasks
    said = subprocess.run(["/bin/sh", "-c", task.command], capture_output=True, text=True, check=True).stdout
    assert "--window 30 --max-rows-per-second 2000 --out" in said
    names = (tmp_path / "names").read_text().splitlines()
    assert names == list(asked.ids[: len(names)])
    assert task.detail == {"objects": len(names)}


def test_the_rate_is_that_of_all_slots_together() -> None:
    for task in plan.rebuild("lab", WORKERS, RELEASE, 30, rate=10_000).tasks:
        assert "--max-rows-per-second 2500 " in task.command


def test_a_survey_other_than_the_usual_one_is_named_with_all_that_it_needs() -> None:
    of_lsst = plan.rebuild(
        "lab", WORKERS, RELEASE, "all", survey="lsst", given="--given ebv=/srv/dust ", as_lasair=True
    )
    for task in of_lsst.tasks:
        assert " --survey lsst --given ebv=/srv/dust --as-lasair --window all " in task.command
    assert not any("--survey" in task.command for task in plan.rebuild("lab", WORKERS, RELEASE, 30).tasks)


def test_a_list_of_objects_names_each_once_in_its_order(tmp_path: Path) -> None:
    file = tmp_path / "ids.txt"
    file.write_text("ZTF2\n\n  ZTF1 \nZTF2\n")
    assert listed(file).ids == ("ZTF2", "ZTF1")


@pytest.mark.parametrize(
    ("content", "said"),
    [("", "is empty"), ("\n\n", "is empty"), ("ZTF1\nZTF 2\n", "line 2"), ("ZTF1\x1b\n", "line 1"), ("é\n", "line 1")],
)
def test_a_list_that_is_none_is_refused(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "ids.txt"
    file.write_text(content)
    with pytest.raises(InputError, match=said):
        listed(file)


def test_a_list_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.txt cannot be read"):
        listed(tmp_path / "none.txt")
