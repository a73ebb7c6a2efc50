"""SQL for the database, table and accounts of a Galera of our own: ``python -m farm.provision.galera ENVIRONMENT``.

Roles run it on a node, as its root over the socket: first ``ask``, whose answer names what is missing, then the
statements of these names. The output holds passwords.
"""
# ruff: noqa: S608  names and passwords here are our own, and those that an operator gives hold no quote

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from farm.home import Home
from farm.load import lock
from farm.provision import program
from farm.provision.files import read_or_empty
from features import DEFAULT, SURVEYS, survey
from features.schema import ddl

ACCOUNTS = {
    "farm_reader": ("SELECT",),
    "farm_loader": ("CREATE TEMPORARY TABLES", "INSERT", "SELECT", "UPDATE"),
    "farm_owner": ("ALTER", "CREATE", "INDEX"),
}
"""Accounts and what they may do in the database, in alphabetical order; nothing outside it."""


@dataclass(frozen=True)
class Item:
    """Something that a cluster must hold: a query that is true where it does, and what brings it."""

    name: str
    there: str
    statements: tuple[str, ...]


def items(database: str, passwords: Mapping[str, str], whose: str = DEFAULT) -> list[Item]:
    """What a cluster must hold, in the order of making."""
    table = ddl(survey(whose)).strip().rstrip(";")
    return [
        Item(
            "no anonymous users",
            "NOT EXISTS (SELECT 1 FROM mysql.global_priv WHERE User = '')",
            (
                "SET @drop = (SELECT CONCAT('DROP USER ', GROUP_CONCAT(QUOTE(User), '@', QUOTE(Host)))"
                " FROM mysql.global_priv WHERE User = '')",
                "EXECUTE IMMEDIATE @drop",
            ),
        ),
        Item(
            "database",
            f"EXISTS (SELECT 1 FROM information_schema.schemata WHERE schema_name = '{database}')",
            (f"CREATE DATABASE IF NOT EXISTS `{database}`",),
        ),
        Item(
            "objects",
            "EXISTS (SELECT 1 FROM information_schema.tables"
            f" WHERE table_schema = '{database}' AND table_name = 'objects')",
            (f"USE `{database}`", table),
        ),
        Item(
            "farm_load",
            "EXISTS (SELECT 1 FROM information_schema.tables"
            f" WHERE table_schema = '{database}' AND table_name = '{lock.TABLE}')",
            (f"USE `{database}`", lock.DDL),
        ),
        *(_account(name, privileges, database, passwords[name]) for name, privileges in ACCOUNTS.items()),
    ]


def _account(name: str, privileges: tuple[str, ...], database: str, password: str) -> Item:
    """One account, of any host: its password, its privileges on the database, and none beside."""
    grantee = f"\\'{name}\\'@\\'%\\'"
    return Item(
        name,
        f"(SELECT COUNT(*) FROM mysql.global_priv WHERE User = '{name}') = 1"
        f" AND EXISTS (SELECT 1 FROM mysql.global_priv WHERE User = '{name}' AND Host = '%'"
        f" AND JSON_VALUE(Priv, '$.authentication_string') = PASSWORD('{password}'))"
        " AND (SELECT GROUP_CONCAT(privilege_type ORDER BY privilege_type) FROM information_schema.user_privileges"
        f" WHERE grantee = '{grantee}') = 'USAGE'"
        " AND (SELECT GROUP_CONCAT(privilege_type ORDER BY privilege_type) FROM information_schema.schema_privileges"
        f" WHERE grantee = '{grantee}' AND table_schema = '{database}') = '{','.join(privileges)}'"
        f" AND (SELECT COUNT(*) FROM mysql.db WHERE User = '{name}') = 1"
        f" AND NOT EXISTS (SELECT 1 FROM mysql.tables_priv WHERE User = '{name}')",
        (
            f"DROP USER IF EXISTS '{name}'@'localhost', '{name}'@'%'",
            f"CREATE USER '{name}'@'%' IDENTIFIED BY '{password}'",
            f"GRANT {', '.join(privileges)} ON `{database}`.* TO '{name}'@'%'",
        ),
    )


def sql(home: Home, database: str, whose: str = DEFAULT) -> dict[str, Any]:
    """``ask``: one SELECT, a line of its answer for each item that is missing; ``statements``: what brings each."""
    passwords = {name: read_or_empty(home.secret(name.replace("farm_", "galera_"))) for name in ACCOUNTS}
    wanted = items(database, passwords, whose)
    ask = "\nUNION ALL ".join(
        f"SELECT '{item.name}' FROM DUAL WHERE NOT COALESCE({item.there}, FALSE)" for item in wanted
    )
    return {
        "ask": ask + ";",
        "statements": {item.name: ";\n".join(item.statements) + ";" for item in wanted},
    }


def main() -> dict[str, Any]:
    arguments = program.parser(__doc__, "environment")
    arguments.add_argument("--database", default="", help="empty: the survey's name")
    arguments.add_argument("--survey", choices=("", *SURVEYS), default="", help="empty: the usual one")
    options = arguments.parse_args()
    whose = options.survey or DEFAULT
    return sql(Home(options.environment), options.database or whose, whose)


if __name__ == "__main__":
    program.run(main)
