"""Take away what provisioning made on the head: ``python -m farm.provision.reset INVENTORY --check|--write``.

What it did not make stays: runs, and the hosts' pinned keys, which the operator vouched for.
"""

import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from farm.errors import LockedError
from farm.home import Home
from farm.inventory import Inventory, load
from farm.provision import program
from farm.provision.secrets import CASSANDRA, GALERA
from farm.runs import every


def remove(inventory: Inventory, given: Collection[str], passwords: bool, write: bool) -> dict[str, Any]:
    """Return the names of what is gone, or would be.

    A password stays as long as its account may: one of a database of our own goes with ``passwords``, and one that the
    operator keeps in a vault (``given``) can go, since it comes back from there.

    Raises LockedError while a run of the environment goes on.
    """
    if living := [run.id for run in every(inventory.env) if run.is_held()]:
        raise LockedError(
            f"{', '.join(living)} goes on in environment {inventory.env}: wait for its end, or"
            f" farm cancel {living[0]} --inventory {inventory.env}"
        )
    home = inventory.home
    forgotten = {*given} & {*CASSANDRA, *GALERA} | {*(_of_our_own(inventory) if passwords else ())}
    gone = [path for path in (*_made(home), *(home.secret(name) for name in sorted(forgotten))) if _stands(path)]
    if write:
        for path in gone:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        for folder in (home.secret("x").parent, home.runs, home.root):
            with suppress(OSError):  # something is left there, or it is gone already
                folder.rmdir()
    return {"changed": [str(path.relative_to(home.root)) for path in gone]}


def _made(home: Home) -> Iterator[Path]:
    """All that provisioning may have made, passwords apart."""
    yield from sorted(home.root.glob(f"{home.key.name}*"))
    yield from (home.releases, home.root / "wheels")
    yield from sorted(home.root.glob("cassandra-*"))
    yield from (home.secret(f"{account}.cnf") for account in GALERA)


def _of_our_own(inventory: Inventory) -> Iterator[str]:
    for names, managed in ((CASSANDRA, "managed_cassandra"), (GALERA, "managed_galera")):
        if inventory.has(managed):
            yield from names


def _stands(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def main() -> dict[str, Any]:
    arguments = program.parser(__doc__, "inventory")
    arguments.add_argument("--given", default="", help="names of passwords that a vault holds, with commas between")
    arguments.add_argument("--passwords", action="store_true", help="passwords of databases of our own go too")
    options = arguments.parse_args()
    given = [name for name in options.given.split(",") if name]
    return remove(load(options.inventory), given, options.passwords, options.write)


if __name__ == "__main__":
    program.run(main)
