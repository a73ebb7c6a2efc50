"""Passwords and option files on the head."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from test_inventory_check import good, hosts, inventory

from farm.errors import InventoryError, SetupError
from farm.inventory import Inventory, load
from farm.provision.secrets import ensure
from features import DEFAULT, survey

GIVEN = {name: f"given-{name}" for name in ("cassandra_reader", "galera_reader", "galera_loader", "galera_owner")}


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Inventory]:
    """An environment whose clusters are ours to run, and one whose clusters are not."""
    ours, theirs = good(), {**good(), "managed_cassandra": hosts(), "managed_galera": hosts()}
    return {
        "ours": load(str(inventory(tmp_path_factory.mktemp("ours"), ours))),
        "theirs": load(str(inventory(tmp_path_factory.mktemp("theirs"), theirs))),
    }


@pytest.fixture
def managed(environments: dict[str, Inventory], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inventory:
    monkeypatch.setenv("FARM_HOME", str(tmp_path))
    return environments["ours"]


@pytest.fixture
def unmanaged(environments: dict[str, Inventory], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inventory:
    monkeypatch.setenv("FARM_HOME", str(tmp_path))
    return environments["theirs"]


def ensured(environment: Inventory, write: bool = True, **given: str) -> list[str]:
    changed: list[str] = ensure(environment, given, port=3306, database="ztf", write=write)["changed"]
    return changed


def test_every_account_of_our_own_clusters_gets_a_password_of_its_own(managed: Inventory) -> None:
    changed = ensured(managed)
    made = {managed.home.secret(name).read_text() for name in changed if not name.endswith(".cnf")}
    assert len(made) == 5
    assert all(len(password) >= 32 for password in made)


def test_secrets_are_for_their_owner_alone(managed: Inventory) -> None:
    modes = {stat.S_IMODE(managed.home.secret(name).stat().st_mode) for name in ensured(managed)}
    assert modes == {0o600}
    assert stat.S_IMODE(managed.home.secret("x").parent.stat().st_mode) == 0o700


def test_a_second_time_changes_nothing(managed: Inventory) -> None:
    ensured(managed)
    assert ensured(managed) == []


def test_check_mode_names_what_would_be_made_and_makes_nothing(managed: Inventory) -> None:
    would = ensured(managed, write=False)
    assert not managed.home.root.exists()
    assert would == ensured(managed)


def test_an_option_file_names_the_account_the_nodes_and_how_the_environment_loads(managed: Inventory) -> None:
    ensured(managed, galera_loader="given")
    lines = managed.home.secret("galera_loader.cnf").read_text().splitlines()
    assert {"user = farm_loader", "password = given", "port = 3306", "database = ztf"} < set(lines)
    assert {"hosts = g1,g2,g3", "mode = upsert", "zeros = zero"} < set(lines)


def test_a_password_that_the_operator_gives_replaces_the_one_that_stood(managed: Inventory) -> None:
    ensured(managed)
    assert ensured(managed, galera_owner="another") == ["galera_owner", "galera_owner.cnf"]


def test_no_password_is_invented_for_a_cluster_that_is_not_ours(unmanaged: Inventory) -> None:
    with pytest.raises(SetupError, match=r"password of cassandra_reader .* vault/example\.yml"):
        ensured(unmanaged)
    assert not unmanaged.home.root.exists()


def test_given_passwords_are_enough_for_clusters_that_are_not_ours(unmanaged: Inventory) -> None:
    ensured(unmanaged, **GIVEN)
    assert unmanaged.home.secret("cassandra_reader").read_text() == "given-cassandra_reader"
    assert not unmanaged.home.secret("cassandra_admin").exists()


def test_a_password_in_a_file_of_the_operators_own_is_taken_without_its_line_end(unmanaged: Inventory) -> None:
    unmanaged.home.make()
    for name, value in GIVEN.items():
        unmanaged.home.secret(name).write_text(f"{value}\n")
    ensured(unmanaged)
    assert "password = given-galera_owner" in unmanaged.home.secret("galera_owner.cnf").read_text()


@pytest.mark.parametrize(
    "password", ["with space", 'with"quote', "with'quote", "with\\backslash", "with\nline", "with#sign"]
)
def test_a_password_that_cannot_be_written_safely_is_refused_without_being_shown(
    managed: Inventory, password: str
) -> None:
    with pytest.raises(InventoryError) as error:
        ensured(managed, galera_reader=password)
    assert password not in str(error.value)


def test_a_secret_of_no_account_is_refused_by_name(managed: Inventory) -> None:
    with pytest.raises(InventoryError, match="galera_writer"):
        ensured(managed, galera_writer="x")


def program(name: str, *options: str, **environment: str) -> str:
    command = [sys.executable, "-m", f"farm.provision.{name}", *options]
    done = subprocess.run(command, env=os.environ | environment, input="{}", capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize(("variables", "named"), [({}, DEFAULT), ({"farm_survey": "lsst"}, "lsst")])
def test_the_database_has_the_name_of_the_survey_where_nobody_says_another(
    tmp_path: Path, variables: dict[str, object], named: str
) -> None:
    where = str(inventory(tmp_path, good(), **variables))
    program("secrets", where, "--port=3306", "--database=", "--write", FARM_HOME=str(tmp_path))
    assert f"database = {named}\n" in (tmp_path / "example" / "secrets" / "galera_loader.cnf").read_text()
    wanted = program("galera", "example", "--database=", f"--survey={variables.get('farm_survey', '')}", "--check")
    assert f"schema_name = '{named}'" in json.loads(wanted)["ask"]
    assert survey(named).key.name in json.loads(wanted)["statements"]["objects"]
