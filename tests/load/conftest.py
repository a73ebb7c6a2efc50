"""Galera of the lab, as the loader's account and as its administrator see it."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from farm.galera import Account, read_account
from farm.home import Home

OptionFile = Callable[..., Path]


def sql(statement: str, host: str = "g1") -> str:
    """Run SQL as the administrator on a node of the lab; what it prints, without headers."""
    from farm import lab

    command = lab.ssh_command(lab.find(host), "mariadb --batch --skip-column-names ztf")
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
