"""The farm's key is changed by steps that may each be the last one."""

import subprocess
from pathlib import Path

import pytest
from test_inventory_check import good, hosts, inventory

from farm.errors import SetupError, UnreachableError
from farm.inventory import Inventory, load
from farm.provision.farm_key import make_successor, public, successor, switch

RENAMES = 4


class KilledError(Exception):
    pass


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    """Nothing listens where its worker should."""
    groups = {**good(), "workers": hosts("w1", ansible_host="127.0.0.1", ansible_port=1)}
    return load(str(inventory(tmp_path_factory.mktemp("inventory"), groups)))


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


def public_half(private: Path) -> str:
    said = subprocess.run(["ssh-keygen", "-y", "-f", str(private)], capture_output=True, text=True, check=True).stdout
    return " ".join(said.split()[:2])


def taken_by_hosts(key: Path) -> set[str]:
    """What role farm_user writes on every host: the public halves of the key and of its successor."""
    halves = (public(key), public(successor(key)))
    return {" ".join(path.read_text().split()[:2]) for path in halves if path.exists()}


def rotate(key: Path, environment: Inventory) -> None:
    make_successor(key, "example", write=True)
    switch(environment, [], key, write=True)


@pytest.mark.parametrize("survived", range(RENAMES))
def test_a_rotation_killed_between_two_steps_leaves_a_key_that_hosts_take_and_is_finished_by_the_next(
    key: Path, environment: Inventory, survived: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, rename, done = public_half(key), Path.rename, 0

    def killed(path: Path, target: Path) -> Path:
        nonlocal done
        if done == survived:
            raise KilledError
        done += 1
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed)
        with pytest.raises(KilledError):
            rotate(key, environment)
    assert public_half(key) in taken_by_hosts(key)
    rotate(key, environment)
    assert taken_by_hosts(key) == {public_half(key)} != {before}
    assert sorted(path.name for path in key.parent.iterdir()) == ["id", "id.pub"]
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_rotation_is_of_so_many_steps(key: Path, environment: Inventory, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the test above dies at each of them."""
    rename, done = Path.rename, []
    monkeypatch.setattr(Path, "rename", lambda path, target: done.append(target) or rename(path, target))
    rotate(key, environment)
    assert len(done) == RENAMES


def test_check_mode_says_that_there_would_be_a_next_key_and_makes_none(key: Path, environment: Inventory) -> None:
    assert make_successor(key, "example", write=False)
    assert not successor(key).exists()
    assert not switch(environment, [], key, write=False)


def test_a_host_that_the_next_key_does_not_open_keeps_the_present_one_in_use(
    key: Path, environment: Inventory, capfd: pytest.CaptureFixture[str]
) -> None:
    before = public_half(key)
    make_successor(key, "example", write=True)
    with pytest.raises(UnreachableError, match="does not open every host, so the present one stays: w1"):
        switch(environment, ["w1"], key, write=True)
    assert "Traceback" not in capfd.readouterr().err
    assert public_half(key) == before
    assert successor(key).exists()


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"no key could be made in .*nowhere"):
        make_successor(tmp_path / "nowhere" / "id", "example", write=True)
