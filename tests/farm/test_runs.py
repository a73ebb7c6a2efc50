"""Run ids and folders."""

import stat
from pathlib import Path

import pytest

from farm import runs
from farm.errors import RunError
from farm.home import Home


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARM_HOME", str(tmp_path))


def older(env: str, name: str) -> None:
    Home(env).make()
    (Home(env).runs / name).mkdir()


def test_a_new_run_has_a_private_folder() -> None:
    run = runs.create("lab", "rebuild")
    assert "-rebuild-" in run.id
    assert stat.S_IMODE(run.folder.stat().st_mode) == 0o700
    assert run.parts.is_dir()
    assert run.logs.is_dir()


def test_a_run_is_found_by_its_id_by_a_unique_prefix_and_as_the_last() -> None:
    older("lab", "20250101T000000Z-rebuild-aaaa")
    older("lab", "20250102T000000Z-busy-bbbb")
    assert runs.find("lab", "20250101T000000Z-rebuild-aaaa").id.endswith("aaaa")
    assert runs.find("lab", "20250101").id.endswith("aaaa")
    assert runs.find("lab", "last").id.endswith("bbbb")
    assert runs.find("lab", "last", "rebuild").id.endswith("aaaa")


def test_a_prefix_of_several_runs_names_them() -> None:
    older("lab", "20250101T000000Z-rebuild-aaaa")
    older("lab", "20250101T000001Z-rebuild-bbbb")
    with pytest.raises(RunError, match=r"means 2 runs.*aaaa.*bbbb"):
        runs.find("lab", "20250101")


@pytest.mark.parametrize("text", ["2030", "", "../lab", "last-week"])
def test_an_unknown_run_is_refused_with_the_latest_ones(text: str) -> None:
    older("lab", "20250101T000000Z-rebuild-aaaa")
    with pytest.raises(RunError, match="20250101T000000Z-rebuild-aaaa"):
        runs.find("lab", text)


def test_the_last_of_no_runs_says_how_to_make_one() -> None:
    with pytest.raises(RunError, match="farm rebuild --inventory lab"):
        runs.find("lab", "last")


def test_a_run_of_another_environment_is_refused_by_its_name() -> None:
    older("prod", "20250101T000000Z-rebuild-aaaa")
    with pytest.raises(RunError, match="belongs to environment prod, not to lab: --inventory prod"):
        runs.find("lab", "20250101")


def test_what_is_no_run_is_not_listed() -> None:
    older("lab", "20250101T000000Z-rebuild-aaaa")
    older("lab", "scratch")
    assert [run.id for run in runs.every("lab")] == ["20250101T000000Z-rebuild-aaaa"]
