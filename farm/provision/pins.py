"""Keys that hosts are given anew, in the head's known_hosts: ``python -m farm.provision.pins INVENTORY add|retire``.

Standard input has each host's new keys as a JSON object. ``add`` pins them beside what is pinned, ``retire`` unpins
whatever else is pinned for the same hosts. Lines that are not for such a host alone, and marked ones, stay.
"""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from typing import Any

from farm.errors import HostKeyError
from farm.inventory import Host, Inventory, load
from farm.provision import program
from farm.provision.files import read_or_empty, write_private
from farm.provision.host_keys import fingerprints, pattern
from farm.provision.inventory import reached
from farm.transport.known_hosts import names_exactly


def change(inventory: Inventory, keys: Mapping[str, Sequence[str]], retire: bool) -> dict[str, Any]:
    """Pin keys (``kind base64``) by host; return the hosts whose pins changed, and the keys' fingerprints.

    Raises HostKeyError where a host has no new key: it would be known by none.
    """
    if none := [name for name, each in keys.items() if not each]:
        raise HostKeyError(f"{', '.join(none)} named no key of its own: sshd -T on it says which ones it looks for")
    hosts = [host for host in reached(inventory) if host.name in keys]
    file = inventory.home.known_hosts
    lines, changed = read_or_empty(file).splitlines(), []
    for host in hosts:
        before = lines
        wanted = [f"{pattern(host)} {key}" for key in keys[host.name]]
        lines = [*(line for line in before if not retire or not _is_other(line, host, keys[host.name]))]
        lines += [line for line in wanted if line not in lines]
        if lines != before:
            changed.append(host.name)
    if changed:
        write_private(file, "".join(f"{line}\n" for line in lines))
    shown = "".join(f"{pattern(host)} {key}\n" for host in hosts for key in keys[host.name])
    return {"changed": changed, "fingerprints": fingerprints(shown)}


def _is_other(line: str, host: Host, keys: Sequence[str]) -> bool:
    """Whether the line pins a key of this host alone, and none of these."""
    fields = line.split()
    names = {pattern(host), pattern(host, host.name)}
    return len(fields) > 2 and names_exactly(fields[0], names) and " ".join(fields[1:3]) not in keys


def main() -> dict[str, Any]:
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("inventory")
    arguments.add_argument("step", choices=("add", "retire"))
    options = arguments.parse_args()
    return change(load(options.inventory), json.load(sys.stdin), options.step == "retire")


if __name__ == "__main__":
    program.run(main)
