"""Change the farm's key pair: ``python -m farm.provision.farm_key INVENTORY --key FILE --check|--write``.

The successor stands beside the key as ``FILE.next`` and ``FILE.next.pub`` from the moment it is made until it is the
key; as long as its public half is there, hosts are given both. With ``--hosts`` it becomes the key, once it has opened
every one of them. Every step is a rename, so that one that was interrupted is finished by the next.
"""

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from farm import preflight
from farm.disk import sync
from farm.errors import FarmError, SetupError
from farm.inventory import Host, Inventory, load
from farm.provision import program
from farm.transport.ssh import SshTransport

GROUPS = ("workers", "pipeline", "loader")
"""Groups whose hosts farm logs in to."""
_SECONDS = 10


def successor(key: Path) -> Path:
    return Path(f"{key}.next")


def public(key: Path) -> Path:
    return Path(f"{key}.pub")


def make_successor(key: Path, env: str, write: bool) -> bool:
    """Make the next key pair where there is none; says whether there was none. Its public half comes last."""
    fresh = successor(key)
    if public(fresh).exists():
        return False
    if write:
        made = Path(f"{key}.made")
        for left in (made, public(made)):
            left.unlink(missing_ok=True)
        _generate(made, f"farm@{env}")
        made.rename(fresh)
        public(made).rename(public(fresh))
        sync(key.parent)
    return True


def switch(inventory: Inventory, names: Sequence[str], key: Path, write: bool) -> bool:
    """Make the successor the key, once it has opened every host of these names; says whether there is one.

    Raises the error of the first host that it does not open; the key is then what it was.
    """
    fresh = successor(key)
    if not public(fresh).exists():
        return False
    if write:
        _try(inventory, names, fresh if fresh.exists() else key)
        if fresh.exists():
            fresh.rename(key)
        public(fresh).rename(public(key))
        sync(key.parent)
    return True


def _try(inventory: Inventory, names: Sequence[str], key: Path) -> None:
    every = {host.name: host for group in GROUPS if inventory.has(group) for host in inventory.group(group)}
    hosts: list[Host] = [replace(every[name], key=key) for name in names if not every[name].local]
    try:
        failed = preflight.failures(hosts, SshTransport(inventory.home.known_hosts), "true", _SECONDS)
    except FarmError as error:
        raise type(error)(f"the next key does not open every host, so the present one stays: {error}") from error
    if failed:
        raise SetupError(f"the next key opens {', '.join(failed)} and can run nothing there, so the present one stays")


def _generate(key: Path, comment: str) -> None:
    command = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(key))
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise SetupError("ssh-keygen is not on this machine: install openssh-client") from None
    if done.returncode != 0:
        raise SetupError(f"no key could be made in {key.parent}: {done.stderr.strip()}")
    for path in (key, public(key)):
        sync(path)


def main() -> dict[str, Any]:
    arguments = program.parser(__doc__, "inventory")
    arguments.add_argument("--key", type=Path, required=True, help="the farm's private key")
    arguments.add_argument("--hosts", help="make the successor the key once it opens these, with commas between")
    options = arguments.parse_args()
    inventory = load(options.inventory)
    if options.hosts is None:
        return {"changed": make_successor(options.key, inventory.env, options.write)}
    names = [name for name in options.hosts.split(",") if name]
    return {"changed": switch(inventory, names, options.key, options.write)}


if __name__ == "__main__":
    program.run(main)
