"""Everybody asked at once, and every answer judged."""

import gevent

from farm.doctor import head, hosts, nodes, of_galera, of_hosts
from farm.doctor.finding import Check
from farm.inventory import Inventory
from farm.plan import TASKS_A_SLOT
from farm.transport import Transport
from features.declare import Survey
from features.schema import schema_hash

_BYTES_A_COLUMN = 10
"""Of a part's line: 42 features make some 420 bytes."""
_COPIES = 2
"""On the head: the parts, and the old values that a load keeps beside them."""


def examine(inventory: Inventory, survey: Survey, transport: Transport) -> list[Check]:
    """Look at everything that a run and its load need; what cannot be asked is a finding.

    Raises InventoryError where the inventory itself cannot be used.
    """
    accounts, stale = head.accounts(inventory)
    visiting = gevent.spawn(hosts.visit, inventory, transport)
    said = nodes.ask(accounts[0]) if accounts else []
    refused = nodes.refusals(accounts, [node.address for node in said if node.well])
    visits = visiting.get()
    rows = max((node.table.rows for node in said if node.table), default=0)
    parts = rows * len(survey.columns) * _BYTES_A_COLUMN
    workers = max(1, len(inventory.group("workers")))
    return [
        *head.checks(inventory, stale, _COPIES * parts),
        *of_hosts.checks(inventory, visits, schema_hash(survey), parts // (TASKS_A_SLOT * workers)),
        *of_galera.checks(inventory, survey, said, refused),
    ]
