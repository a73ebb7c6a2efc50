"""Packages of a script: found as wheels beside the release's own, kept for a day, unpacked without a network."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from command import ROOT

from farm.errors import InputError
from farm.mining import bundle, metadata

RELEASE = {
    "python": "3.11",
    "platform": "manylinux_2_36_x86_64",
    "wheels": {"held-1.0-py3-none-any.whl": "0" * 64, "also_held-2.0-py3-none-any.whl": "0" * 64},
}


def wheel(folder: Path, name: str, version: str, *needs: str, tag: str = "py3-none-any") -> Path:
    file, about = folder / f"{name}-{version}-{tag}.whl", f"{name}-{version}.dist-info"
    required = "".join(f"Requires-Dist: {each}\n" for each in needs)
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        made.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{required}")
        made.writestr(f"{about}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        made.writestr(f"{about}/RECORD", "")
    return file


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels, which is all that pip knows."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    for version in ("1.0", "1.5"):
        wheel(folder, "held", version)
    wheel(folder, "also_held", "2.0")
    return folder


def resolved(tmp_path: Path, *packages: str) -> list[str]:
    return [path.name for path in bundle.resolve(packages, RELEASE, tmp_path / "cache")]


def test_what_the_release_has_is_neither_fetched_nor_touched(index: Path, tmp_path: Path) -> None:
    wheel(index, "light", "0.1", "held>=1", "also-held")
    assert resolved(tmp_path, "light") == ["light-0.1-py3-none-any.whl"]
    assert resolved(tmp_path) == []


def test_an_unknown_package_is_refused_by_name(index: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^nowhere-at-all cannot be had as wheels for Python 3\.11"):
        resolved(tmp_path, "nowhere-at-all")
    assert not list((tmp_path / "cache").iterdir())


def test_a_package_that_wants_another_version_than_the_release_has_is_refused(index: Path, tmp_path: Path) -> None:
    wheel(index, "wants", "1", "held>=1.5")
    with pytest.raises(InputError, match=r"wants 1 depends on held>=1\.5; .*by the release.* held==1\.0"):
        resolved(tmp_path, "wants")


def test_wheels_are_those_of_the_workers_platform(index: Path, tmp_path: Path) -> None:
    wheel(index, "built", "2", tag="cp311-cp311-win_amd64")
    wheel(index, "built", "1", tag="cp311-cp311-manylinux_2_17_x86_64")
    assert resolved(tmp_path, "built") == ["built-1-cp311-cp311-manylinux_2_17_x86_64.whl"]


def test_what_was_fetched_is_kept_for_the_day(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel(index, "light", "0.1")
    assert resolved(tmp_path, "light") == ["light-0.1-py3-none-any.whl"]
    wheel(index, "light", "0.2")
    assert resolved(tmp_path, "light") == ["light-0.1-py3-none-any.whl"]
    (yesterday,) = (tmp_path / "cache").iterdir()
    yesterday.rename(yesterday.with_name(f"2020-01-01-{yesterday.name[11:]}"))
    assert resolved(tmp_path, "light") == ["light-0.2-py3-none-any.whl"]
    assert len(list((tmp_path / "cache").iterdir())) == 1, "what is old goes"


def test_of_two_runs_that_fetch_the_same_at_once_the_faster_one_keeps_it(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(index, "light", "0.1")
    fetch, again = bundle._download, [True]

    def meanwhile(*given: object) -> None:
        if again.pop() if again else False:
            resolved(tmp_path, "light")
        fetch(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(bundle, "_download", meanwhile)
    assert resolved(tmp_path, "light") == ["light-0.1-py3-none-any.whl"]


@pytest.mark.parametrize("asked", ["", " ", "--pre", "light curve", "==1"])
def test_what_names_no_package_is_refused(asked: str) -> None:
    with pytest.raises(InputError, match="no package"):
        metadata.require_packages([asked])
    metadata.require_packages(["light-curve", "light-curve>=0.10", "x[extra]==1; python_version > '3'"])


def test_wheels_are_unpacked_without_a_socket_or_another_program(tmp_path: Path) -> None:
    watched = (
        "import runpy, sys\n"
        "def watch(event, _):\n"
        "    if event.startswith(('socket.', 'subprocess.', 'os.exec', 'os.posix_spawn', 'os.system')):\n"
        "        raise RuntimeError(event)\n"
        "sys.addaudithook(watch)\n"
        "runpy.run_module('features.mining.unpack', run_name='__main__')\n"
    )
    words = [sys.executable, "-c", watched, str(tmp_path / "into"), str(wheel(tmp_path, "light", "0.1"))]
    subprocess.run(words, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert (tmp_path / "into" / "light.py").exists()
