"""Everybody asked at once, and every answer judged."""

import gevent

from farm.doctor import head, hosts, nodes, of_cassandra, of_galera, of_hosts
from farm.doctor.finding import Check
from farm.doctor.of_hosts import Needs
from farm.doctor.shared import marked
from farm.inventory import Inventory
from farm.plan import TASKS_A_SLOT
from farm.transport import Transport
from features.declare import Survey
from features.schema import schema_hash

_BYTES_A_COLUMN = 10
"""Of a part's line: 42 features make some 420 bytes."""
_COPIES = 2
"""On the head, and on a loader of its own: the parts, and the old values that a load keeps beside them."""


def examine(inventory: Inventory, survey: Survey, transport: Transport) -> list[Check]:
    """Look at everything that a run and its load need; what cannot be asked is a finding.

    Raises InventoryError where the inventory itself cannot be used.
    """
    accounts, stale = head.accounts(inventory)
    with marked(inventory.shared_dir) as mark:
        visiting = gevent.spawn(hosts.visit, inventory, transport, mark)
        said = nodes.ask(accounts[0]) if accounts else []
        well = [node.address for node in said if node.well]
        refused = nodes.refusals(accounts, well)
        visits = visiting.get()
    rows = max((node.table.rows for node in said if node.table), default=0)
    parts = rows * len(survey.columns) * _BYTES_A_COLUMN
    workers = max(1, len(inventory.group("workers")))
    loads = 0 if inventory.shared_dir else _COPIES * parts
    return [
        *head.checks(inventory, stale, _COPIES * parts),
        *of_hosts.checks(inventory, visits, schema_hash(survey), Needs(parts // (TASKS_A_SLOT * workers), loads)),
        *of_cassandra.checks(inventory, visits),
        *of_galera.checks(inventory, survey, said, visits, accounts if well else [], refused),
    ]
