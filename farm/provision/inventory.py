"""Check that an inventory can be provisioned: ``python -m farm.provision.inventory INVENTORY``."""

import sys
from typing import Any

from farm.errors import InventoryError
from farm.inventory import Host, Inventory, load
from farm.provision import program

GROUPS = ("workers", "cassandra", "galera", "head", "loader")
MANAGED = {"managed_cassandra": "cassandra", "managed_galera": "galera"}
REACHED = ("workers", "pipeline", "loader", *MANAGED)
"""Groups whose hosts are logged in to; databases that are not ours to run are only named."""


def reached(inventory: Inventory) -> list[Host]:
    """Every host that provisioning logs in to over SSH, once."""
    hosts = {host.name: host for group in REACHED if inventory.has(group) for host in inventory.group(group)}
    return [host for host in hosts.values() if not host.local]


def check(inventory: Inventory) -> dict[str, Any]:
    """Raise InventoryError for an inventory that farm could read and provisioning could not use."""
    for group in GROUPS:
        inventory.group(group)
    for group in ("head", "loader"):
        if len(hosts := inventory.group(group)) > 1:
            names = ", ".join(host.name for host in hosts)
            raise InventoryError(f"group {group} of inventory {inventory.env} has {names}: leave one host there")
    if not inventory.group("head")[0].local:
        raise InventoryError(
            f"the head of inventory {inventory.env} is not local, and provisioning runs on the head:"
            " give it ansible_connection: local"
        )
    _check_takers(inventory)
    for managed, group in MANAGED.items():
        _check_managed(inventory, managed, group)
    if inventory.has("managed_cassandra") and len(inventory.group("managed_cassandra")) > 1:
        raise InventoryError(
            f"group managed_cassandra of inventory {inventory.env} has more than one host: these roles run one node;"
            " name a cluster that exists in group cassandra alone"
        )
    return {"env": inventory.env}


def _check_takers(inventory: Inventory) -> None:
    """The hosts beside the workers that take releases."""
    loader, head = inventory.group("loader")[0], inventory.group("head")[0]
    if loader.local and loader.name != head.name:
        raise InventoryError(
            f"the loader {loader.name} of inventory {inventory.env} is local, and so is the head: name it {head.name}"
        )
    for host in inventory.group("pipeline") if inventory.has("pipeline") else ():
        if host.local:
            raise InventoryError(
                f"{host.name} of group pipeline in inventory {inventory.env} is local: hosts that take releases are"
                " reached over SSH; remove ansible_connection"
            )
        hook = inventory.variable(host, "farm_pipeline_restart")
        if not isinstance(hook, str) or not hook.strip():
            raise InventoryError(
                f"farm_pipeline_restart of {host.name} in inventory {inventory.env} is {hook!r}: write the command that"
                " has the pipeline there take the current release, or 'true' where nothing need be done"
            )


def _check_managed(inventory: Inventory, managed: str, group: str) -> None:
    if not inventory.has(managed):
        return
    hosts = inventory.group(managed)
    if local := [host.name for host in hosts if host.local]:
        raise InventoryError(
            f"{', '.join(local)} of group {managed} in inventory {inventory.env} is local: servers"
            " are reached over SSH; remove ansible_connection"
        )
    if {host.name for host in hosts} != {host.name for host in inventory.group(group)}:
        raise InventoryError(
            f"groups {managed} and {group} of inventory {inventory.env} name different hosts: a cluster is ours to run"
            f" as a whole or not at all; make {managed} a child of {group} with all its hosts, or empty"
        )


if __name__ == "__main__":
    program.run(lambda: check(load(sys.argv[1])))
