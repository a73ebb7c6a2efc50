"""A database of a test's own in the lab's Galera, so that the shared table stays as it is."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conftest import sql

from farm.galera import Account, read_account
from farm.home import Home
from farm.load import lock
from features import survey
from features.schema import ddl

PASSWORD = "farm-test-lab"
TABLES = f"{ddl(survey('ztf'))} {lock.DDL};"


@contextmanager
def own_database(name: str, privileges: str) -> Iterator[Account]:
    """An empty database and an account of its own with these privileges on it."""
    user = f"{name}_user"
    gone = f"DROP DATABASE IF EXISTS {name}; DROP USER IF EXISTS {user}@'%';"
    sql(
        f"{gone} CREATE DATABASE {name}; CREATE USER {user}@'%' IDENTIFIED BY '{PASSWORD}';"
        f" GRANT {privileges} ON {name}.* TO {user}@'%'"
    )
    original = read_account(Home("lab").secret("galera_loader.cnf"))
    yield dataclasses.replace(original, user=user, password=PASSWORD, database=name)
    sql(gone)


def write_option_file(account: Account, path: Path) -> Path:
    """The option file of an account of ``own_database``."""
    text = Home("lab").secret("galera_loader.cnf").read_text()
    for key, value in (("user", account.user), ("password", account.password), ("database", account.database)):
        text = "\n".join(f"{key} = {value}" if line.startswith(f"{key} =") else line for line in text.splitlines())
    path.write_text(text + "\n")
    path.chmod(0o600)
    return path
