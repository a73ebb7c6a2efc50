"""What is taken away on the head, and what stays."""

from pathlib import Path

import pytest
from test_inventory_check import good, hosts, inventory

from farm.errors import LockedError
from farm.inventory import Inventory, load
from farm.provision.reset import remove
from farm.runs import create

MADE = ["id_ed25519", "id_ed25519.next", "id_ed25519.next.pub", "id_ed25519.pub", "releases/1/worker.tar", "wheels/1/x"]
MADE += ["cassandra-5/lib.tar", "secrets/galera_reader.cnf", "secrets/galera_loader.cnf", "secrets/galera_owner.cnf"]
PASSWORDS = ["cassandra_admin", "cassandra_reader", "galera_loader", "galera_owner", "galera_reader"]
KEPT = ["known_hosts", "notes.txt", "secrets/of_the_operators_own"]


def environment(folder: Path, ours: bool) -> Inventory:
    """With everything that provisioning makes, and files that it does not."""
    groups = good() if ours else {**good(), "managed_cassandra": hosts(), "managed_galera": hosts()}
    made = load(str(inventory(folder, groups)))
    made.home.make()
    for name in (*MADE, *KEPT, *(f"secrets/{password}" for password in PASSWORDS)):
        path = made.home.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return made


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARM_HOME", str(tmp_path / "home"))


def left(inventory: Inventory) -> list[str]:
    root = inventory.home.root
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def secrets(*names: str) -> list[str]:
    return [f"secrets/{name}" for name in names]


@pytest.mark.parametrize(
    ("ours", "given", "passwords", "kept"),
    [
        (True, (), False, PASSWORDS),
        (True, (), True, []),
        (False, (), True, PASSWORDS),
        (False, ("galera_reader", "cassandra_reader"), False, ["cassandra_admin", "galera_loader", "galera_owner"]),
        (True, ("known_hosts", "../known_hosts"), False, PASSWORDS),
    ],
    ids=["databases stay", "databases go", "databases of others", "a vault has them", "names of no account"],
)
def test_what_provisioning_made_goes_and_a_password_stays_with_its_account(
    tmp_path: Path, ours: bool, given: tuple[str, ...], passwords: bool, kept: list[str]
) -> None:
    inventory = environment(tmp_path, ours)
    remove(inventory, given, passwords, write=True)
    assert left(inventory) == sorted([*KEPT, *secrets(*kept)])
    assert remove(inventory, given, passwords, write=True) == {"changed": []}


def test_check_mode_names_what_would_go_and_takes_nothing(tmp_path: Path) -> None:
    inventory = environment(tmp_path, ours=True)
    before = left(inventory)
    would = remove(inventory, (), passwords=True, write=False)
    assert left(inventory) == before
    assert would == remove(inventory, (), passwords=True, write=True)
    assert {"id_ed25519", "releases", "wheels", "cassandra-5", "secrets/galera_owner.cnf"} < set(would["changed"])


def test_runs_stay_and_one_that_goes_on_is_named_before_anything_goes(tmp_path: Path) -> None:
    inventory = environment(tmp_path, ours=True)
    run = create(inventory.env, "rebuild")
    with run.locked():
        before = left(inventory)
        with pytest.raises(LockedError, match=f"{run.id} goes on .* farm cancel {run.id}"):
            remove(inventory, (), passwords=True, write=True)
        assert left(inventory) == before
    remove(inventory, (), passwords=True, write=True)
    assert run.folder.is_dir()


def test_of_a_head_with_nothing_of_its_own_nothing_is_left(tmp_path: Path) -> None:
    inventory = environment(tmp_path, ours=True)
    for name in KEPT:
        (inventory.home.root / name).unlink()
    remove(inventory, (), passwords=True, write=True)
    assert not inventory.home.root.exists()
