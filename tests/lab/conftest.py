"""Fixtures of the lab's own tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from elsewhere import CGROUP_MOUNTS, Machine, as_here, machine


@pytest.fixture
def elsewhere(lab: None, tmp_path: Path) -> Iterator[Machine]:
    """Another machine, with this one's kinds of cgroups."""
    with machine(tmp_path / "elsewhere", as_here()) as other:
        yield other


@pytest.fixture(params=CGROUP_MOUNTS)
def any_machine(lab: None, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Machine]:
    """Another machine, with each kind of cgroups that machines have."""
    with machine(tmp_path / "elsewhere", CGROUP_MOUNTS[request.param]()) as other:
        yield other


@pytest.fixture(scope="module")
def spare(lab: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Another machine with a lab that is up, for all tests of a module; each leaves it as it was."""
    with machine(tmp_path_factory.mktemp("spare") / "machine", as_here()) as other:
        made = other.farm("lab", "up")
        assert made.returncode == 0, made.stderr
        yield other
