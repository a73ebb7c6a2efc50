"""Releases are named by their inputs."""

import shutil
from pathlib import Path

import pytest

from farm.errors import ReleaseError
from farm.release import Target, digest, project, short, sources

TARGET = Target("3.11", "manylinux_2_36_x86_64")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Another checkout of the same sources."""
    root = tmp_path / "elsewhere"
    for path in (*sources(project()), *(Path("requirements", f"{kind}.txt") for kind in ("worker", "loader"))):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(project() / path, root / path)
    return root


def test_two_checkouts_of_the_same_sources_have_one_digest(checkout: Path) -> None:
    before = digest(checkout, TARGET)
    shutil.copytree(checkout, checkout.with_name("third"))
    (checkout / "farm" / "__pycache__").mkdir(exist_ok=True)
    (checkout / "farm" / "__pycache__" / "x.pyc").write_bytes(b"made here")
    assert digest(checkout, TARGET) == before == digest(checkout.with_name("third"), TARGET)
    assert before.startswith(short(before))


@pytest.mark.parametrize(
    "name",
    ["farm/errors.py", "features/schema.py", "pyproject.toml", "requirements/worker.txt", "requirements/loader.txt"],
)
def test_every_input_decides_about_the_digest(checkout: Path, name: str) -> None:
    before = digest(checkout, TARGET)
    with (checkout / name).open("a") as file:
        file.write("# changed\n")
    assert digest(checkout, TARGET) != before


def test_a_new_source_file_decides_about_the_digest(checkout: Path) -> None:
    before = digest(checkout, TARGET)
    (checkout / "features" / "another.py").touch()
    assert digest(checkout, TARGET) != before


@pytest.mark.parametrize("target", [Target("3.12", TARGET.platform), Target("3.11", "manylinux_2_36_aarch64")])
def test_the_target_decides_about_the_digest(checkout: Path, target: Target) -> None:
    assert digest(checkout, target) != digest(checkout, TARGET)


def test_a_target_takes_every_older_platform_of_its_kind() -> None:
    tags = TARGET.tags()
    assert tags[0] == "manylinux_2_36_x86_64"
    assert {"manylinux_2_17_x86_64", "manylinux_2_5_x86_64", "manylinux2014_x86_64"} < set(tags)
    assert "manylinux_2_37_x86_64" not in tags


@pytest.mark.parametrize("platform", ["musllinux_1_2_x86_64", "win_amd64_x_y"])
def test_a_platform_without_glibc_is_refused(platform: str) -> None:
    with pytest.raises(ReleaseError, match="glibc"):
        Target("3.11", platform).tags()
