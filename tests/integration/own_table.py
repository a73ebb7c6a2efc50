"""Table ``objects`` of a test's own in the lab's Galera, for commands that read the head's option files."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from provisioning import answer

from farm.load import lock
from farm.provision.galera import ACCOUNTS
from features import DEFAULT, survey
from features.declare import Survey
from features.schema import ddl

NODES = ("g1", "g2", "g3")


@contextmanager
def own_table(database: str, option_files: Path, whose: str | Survey = DEFAULT) -> Iterator[None]:
    """An empty table in a new database, and the three accounts for it, whose option files in a folder are changed."""
    of = survey(whose) if isinstance(whose, str) else whose
    users = {name: f"{database}_{name}" for name in ACCOUNTS}
    gone = f"DROP DATABASE IF EXISTS {database};" + "".join(f"DROP USER IF EXISTS {user};" for user in users.values())
    made = f"CREATE DATABASE {database}; USE {database}; {ddl(of)} {lock.DDL};"
    for name, user in users.items():
        password = secrets.token_hex(8)
        made += f"CREATE USER {user} IDENTIFIED BY '{password}';"
        made += f"GRANT {', '.join(ACCOUNTS[name])} ON {database}.* TO {user};"
        file = option_files / f"{name.replace('farm', 'galera')}.cnf"
        text = file.read_text()
        for key, value in (("user", user), ("password", password), ("database", database)):
            text = re.sub(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
        file.write_text(text)
    answer("g1", "mariadb", gone + made)
    try:
        yield
    finally:
        answer("g1", "mariadb", gone)


def everywhere(database: str, query: str) -> str:
    """What a query says at every node of the cluster: one answer, or the test fails."""
    ask = f"mariadb --batch --skip-column-names {database}"
    found = {answer(node, ask, f"SET SESSION wsrep_sync_wait = 1; {query}") for node in NODES}
    assert len(found) == 1, found
    return found.pop()
