"""See that every host's key is pinned: ``python -m farm.provision.host_keys INVENTORY --check|--write``."""

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from farm.errors import HostKeyError, SetupError, UnreachableError
from farm.inventory import Host, Inventory, load
from farm.provision import program
from farm.provision.files import read_or_empty, write_private
from farm.provision.inventory import reached

SCAN_SECONDS = 5


def ensure(inventory: Inventory, accept_new: bool, write: bool) -> dict[str, Any]:
    """Return the hosts whose keys were taken, and the fingerprints.

    Raises HostKeyError where keys are missing and may not, or cannot, be taken; UnreachableError where a host shows
    none.
    """
    known_hosts = inventory.home.known_hosts
    missing = [host for host in reached(inventory) if not _is_pinned(host, known_hosts)]
    if not missing:
        return {"changed": [], "fingerprints": []}
    if not accept_new:
        raise HostKeyError(
            f"no key of {_names(missing)} is pinned in {known_hosts}: add the hosts' public keys there, got in a way"
            " that you trust, or take those that they show now with -e accept_new_host_keys=true"
        )
    if behind := [host for host in missing if host.jump]:
        raise HostKeyError(
            f"the keys of {_names(behind)} cannot be taken through a ProxyJump: run ssh-keyscan on the hop and add its"
            f" output to {known_hosts}"
        )
    taken = "".join(_scan(host) for host in missing)
    shown = fingerprints(taken)
    if not write:
        raise HostKeyError(
            f"check mode takes no key, and none of {_names(missing)} is pinned in {known_hosts}; these would be taken: "
            + "; ".join(shown)
        )
    write_private(known_hosts, read_or_empty(known_hosts) + taken)
    return {"changed": [host.name for host in missing], "fingerprints": shown}


def _names(hosts: Iterable[Host]) -> str:
    return ", ".join(host.where for host in hosts)


def pattern(host: Host, name: str = "") -> str:
    """A host, by its address or another name that it goes by, as known_hosts has it."""
    name = name or host.address
    return name if host.port == 22 else f"[{name}]:{host.port}"


def fingerprints(lines: str) -> list[str]:
    """Of the keys in lines of known_hosts, as ``ssh-keygen -l`` prints them."""
    return _ssh("ssh-keygen", "-l", "-f", "-", stdin=lines).splitlines() if lines else []


def _is_pinned(host: Host, known_hosts: Path) -> bool:
    return known_hosts.exists() and bool(_ssh("ssh-keygen", "-F", pattern(host), "-f", str(known_hosts), accept=(0, 1)))


def _scan(host: Host) -> str:
    keys = _ssh("ssh-keyscan", "-T", str(SCAN_SECONDS), "-p", str(host.port), host.address, accept=(0, 1))
    if not keys.strip():
        raise UnreachableError(f"{host.where} showed no SSH key in {SCAN_SECONDS} s: is the host up, and its sshd?")
    return keys


def _ssh(*command: str, stdin: str = "", accept: tuple[int, ...] = (0,)) -> str:
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise SetupError(f"{command[0]} is not on this machine: install openssh-client") from None
    if done.returncode not in accept:
        raise HostKeyError(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return done.stdout


def main() -> dict[str, Any]:
    arguments = program.parser(__doc__, "inventory")
    arguments.add_argument("--accept-new", action="store_true", help="take keys that are not pinned yet")
    given = arguments.parse_args()
    return ensure(load(given.inventory), given.accept_new, given.write)


if __name__ == "__main__":
    program.run(main)
