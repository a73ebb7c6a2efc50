"""Galera of the lab, as the loader's account and as its administrator see it."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from farm.galera import Account, read_account
from farm.home import Home

OptionFile = Callable[..., Path]


def sql(statement: str, host: str = "g1", database: str = "ztf") -> str:
    """Run SQL as the administrator on a node of the lab; what it prints, without headers."""
    from farm import lab

    command = lab.ssh_command(lab.find(host), f"mariadb --batch --skip-column-names {database}")
    done = subprocess.run(command, input=statement, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def clean() -> None:
    sql("DELETE FROM objects WHERE objectId LIKE 'LT%'")


@pytest.fixture
def table(provisioned: None) -> Iterator[Callable[..., str]]:
    """Table objects without these tests' rows, and a way to run SQL on it as its administrator."""
    clean()
    yield sql
    clean()


@pytest.fixture
def option_file(table: object, tmp_path: Path) -> OptionFile:
    """Makes the loader's option file, with changes: ``option_file(mode="update")``."""
    original = Home("lab").secret("galera_loader.cnf").read_text()

    def make(**changes: str) -> Path:
        lines = original.splitlines()
        for key, value in changes.items():
            lines = [f"{key} = {value}" if line.partition(" = ")[0] == key else line for line in lines]
        path = tmp_path / f"loader{len(list(tmp_path.glob('*.cnf')))}.cnf"
        path.write_text("\n".join(lines) + "\n")
        path.chmod(0o600)
        return path

    return make


@pytest.fixture
def account(option_file: OptionFile) -> Account:
    return read_account(option_file())


OWN, OWN_ACCOUNT = "farm_test", "farm_tester"


@dataclass(frozen=True)
class Own:
    """A database of a test's own, with an empty table and an account that has the loader's grants."""

    folder: Path

    def sql(self, statement: str, host: str = "g1") -> str:
        return sql(statement, host, OWN)

    def option_file(self, **changes: str) -> Path:
        lines = Home("lab").secret("galera_loader.cnf").read_text().splitlines()
        for key, value in {"user": OWN_ACCOUNT, "password": OWN_ACCOUNT, "database": OWN, **changes}.items():
            lines = [f"{key} = {value}" if line.partition(" = ")[0] == key else line for line in lines]
        path = self.folder / f"own{len(list(self.folder.glob('*.cnf')))}.cnf"
        path.write_text("\n".join(lines) + "\n")
        path.chmod(0o600)
        return path

    def checksum(self, host: str = "g1") -> str:
        """Of every bit of the table, at a node that has applied what it received."""
        return self.sql("SET SESSION wsrep_sync_wait = 1; SELECT COUNT(*) FROM objects; CHECKSUM TABLE objects", host)


@pytest.fixture(scope="session")
def own_database(provisioned: None) -> Iterator[None]:
    drop = f"DROP DATABASE IF EXISTS {OWN}; DROP USER IF EXISTS {OWN_ACCOUNT}@'%'"
    sql(
        f"{drop}; CREATE DATABASE {OWN}; CREATE TABLE {OWN}.objects LIKE ztf.objects;"
        f" CREATE TABLE {OWN}.farm_load LIKE ztf.farm_load;"
        f" CREATE USER {OWN_ACCOUNT}@'%' IDENTIFIED BY '{OWN_ACCOUNT}';"
        f" GRANT SELECT, INSERT, UPDATE, CREATE TEMPORARY TABLES ON {OWN}.* TO {OWN_ACCOUNT}@'%'"
    )
    yield
    sql(drop)


@pytest.fixture
def own(own_database: None, tmp_path: Path) -> Own:
    found = Own(tmp_path)
    found.sql("DELETE FROM objects; DELETE FROM farm_load")
    return found
