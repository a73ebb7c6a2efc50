"""Run ids and folders."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from command import ROOT, farm

from farm import runs
from farm.errors import Exit, InputError, InventoryError, RunError
from farm.home import Home
from farm.inventory import known
from farm.summary import overview


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


def test_runs_that_this_user_may_not_read_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    older("lab", "20250101T000000Z-rebuild-aaaa")

    def refuse(_path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    for call in ("iterdir", "is_dir"):
        with monkeypatch.context() as patch:
            patch.setattr(Path, call, refuse)
            for text in ("last", "2025"):
                with pytest.raises(RunError, match=r"lab/runs cannot be read \(Permission denied\)"):
                    runs.find("lab", text)


def test_a_run_s_folder_that_this_user_may_not_read_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    older("lab", "20250101T000000Z-rebuild-aaaa")

    def refuse(path: Path) -> bool:
        raise PermissionError(errno.EACCES, f"Permission denied: {path}")

    monkeypatch.setattr(Path, "exists", refuse)
    assert [each.state for each in overview("lab")] == ["unreadable"]


def test_an_environment_is_known_by_its_inventory_or_by_what_this_head_keeps(tmp_path: Path) -> None:
    assert known("prod") == "prod"
    with pytest.raises(InventoryError, match=r"there is no inventory 'gone' in .*it has: lab, prod"):
        known("gone")
    (tmp_path / "file.yml").touch()
    assert known(str(tmp_path / "file.yml")) == "file"
    Home("gone").make()
    assert known("gone") == "gone"
    for name in ("", "../gone", f"{tmp_path}/nothing"):
        with pytest.raises(InventoryError):
            known(name)


VERBS = ["runs", "status", "logs", "events", "metrics", "report", "cancel last", "workers drain last w1"]


@pytest.mark.parametrize("verb", VERBS)
def test_runs_of_an_environment_that_nobody_knows_are_no_empty_list(verb: str, tmp_path: Path) -> None:
    said = farm(*verb.split(), "--inventory", "nosuch")
    assert (said.code, said.stdout) == (Exit.INVENTORY, "")
    assert "there is no inventory 'nosuch'" in said.stderr
    assert not list(tmp_path.iterdir())


def test_runs_of_an_environment_whose_inventory_is_gone_are_listed() -> None:
    older("gone", "20250101T000000Z-rebuild-aaaa")
    assert [each["run"] for each in farm("runs", "-i", "gone", "--json").json()["runs"]] == [
        "20250101T000000Z-rebuild-aaaa"
    ]


@pytest.mark.parametrize("verb", ["runs", "status", "workers"])
def test_a_home_that_is_a_file_is_a_sentence(verb: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = farm(verb, FARM_HOME=str(tmp_path / "file"))
    assert (said.code, said.stdout) == (Exit.INPUT, "")
    assert said.stderr == f"farm: {tmp_path}/file is no folder, and farm keeps its state there: name one in FARM_HOME\n"


@pytest.mark.parametrize("verb", ["runs", "status", "workers", "doctor", "cancel last", "rebuild"])
def test_a_home_that_is_somebody_elses_is_a_sentence(verb: str, tmp_path: Path) -> None:
    tmp_path.chmod(0)
    words = [Path(sys.executable).with_name("farm"), *verb.split()]
    if os.geteuid() == 0:
        os.chown(tmp_path, 65534, 65534)
        words = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *words]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    tmp_path.chmod(0o700)
    assert (said.returncode, said.stdout) == (Exit.INPUT, "")
    assert said.stderr == (
        f"farm: {tmp_path} cannot be read (Permission denied), and farm keeps its state there:"
        " run farm as the user whose it is, or name another folder in FARM_HOME\n"
    )


def test_a_home_that_cannot_be_made_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    monkeypatch.setenv("FARM_HOME", str(tmp_path / "link"))
    with pytest.raises(InputError, match=r"link/lab cannot be made \(File exists\)"):
        Home("lab").make()


def test_what_is_no_run_is_not_listed() -> None:
    older("lab", "20250101T000000Z-rebuild-aaaa")
    older("lab", "scratch")
    assert [run.id for run in runs.every("lab")] == ["20250101T000000Z-rebuild-aaaa"]
