"""Make the passwords of the accounts and their option files: ``python -m farm.provision.secrets INVENTORY``.

One file each in the head's ``secrets/``. Passwords that the operator gives come as a JSON object on standard input.
"""

import json
import secrets
import sys
from collections.abc import Mapping
from typing import Any

from farm.errors import InventoryError, SetupError
from farm.inventory import Inventory, load
from farm.provision import program
from farm.provision.files import read_or_empty, write_private

CASSANDRA = ("cassandra_admin", "cassandra_reader")
GALERA = ("galera_reader", "galera_loader", "galera_owner")


def passwords(inventory: Inventory, given: Mapping[str, str]) -> dict[str, str]:
    """Every account's password: the given one, else the one that stands, else a new one where the cluster is ours.

    Raises SetupError where the cluster is not ours to run and nobody gave its account's password.
    """
    if unknown := sorted(set(given) - {*CASSANDRA, *GALERA}):
        raise InventoryError(
            f"head_secrets names {', '.join(unknown)}; the accounts are {', '.join((*CASSANDRA, *GALERA))}"
        )
    found = {}
    for names, managed in ((CASSANDRA, "managed_cassandra"), (GALERA, "managed_galera")):
        ours = inventory.has(managed)
        for name in names if ours else [name for name in names if name != "cassandra_admin"]:
            stands = read_or_empty(inventory.home.secret(name)).strip()
            value = given.get(name) or stands or (secrets.token_urlsafe(24) if ours else "")
            if not value:
                raise SetupError(
                    f"the password of {name} in environment {inventory.env} is not known, and its cluster is not ours"
                    f" to give it one: put it into vault/{inventory.env}.yml under head_secrets, or alone into the"
                    f" file {inventory.home.secret(name)}"
                )
            if not value.isprintable() or set(value) & set("\"'\\ #"):
                raise InventoryError(
                    f"the password of {name} has a space, quote, backslash or number sign: choose another one"
                )
            found[name] = value
    return found


def option_file(inventory: Inventory, account: str, password: str, port: int, database: str) -> str:
    """A MySQL option file with farm's own section: all nodes, and how this environment loads."""
    hosts = ",".join(host.address for host in inventory.group("galera"))
    tls = f"ssl-ca = {inventory.galera_ca}\n" if inventory.galera_ca else ""
    return (
        f"[client]\nuser = {account.replace('galera_', 'farm_')}\npassword = {password}\nport = {port}\n"
        f"database = {database}\n{tls}\n[farm]\nenvironment = {inventory.env}\nhosts = {hosts}\n"
        f"mode = {inventory.load_mode}\nzeros = {inventory.zeros}\n"
        f"window = {inventory.window}\n"
    )


def ensure(inventory: Inventory, given: Mapping[str, str], port: int, database: str, write: bool) -> dict[str, Any]:
    """Bring the files up to date; return the names of those that changed."""
    known = passwords(inventory, given)
    wanted = known | {
        f"{account}.cnf": option_file(inventory, account, known[account], port, database) for account in GALERA
    }
    changed = [name for name, text in wanted.items() if read_or_empty(inventory.home.secret(name)) != text]
    if write:
        for name in changed:
            write_private(inventory.home.secret(name), wanted[name])
    return {"changed": changed}


def main() -> dict[str, Any]:
    arguments = program.parser(__doc__, "inventory")
    arguments.add_argument("--port", type=int, required=True, help="Galera's")
    arguments.add_argument("--database", default="", help="that holds table objects; empty: the survey's name")
    options = arguments.parse_args()
    inventory = load(options.inventory)
    database = options.database or inventory.survey
    return ensure(inventory, json.load(sys.stdin), options.port, database, options.write)


if __name__ == "__main__":
    program.run(main)
