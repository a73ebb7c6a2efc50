"""Table ``objects`` as the nodes of a cluster describe it."""

from dataclasses import dataclass

from farm.errors import GaleraError
from farm.galera import Account, Node, NodeLostError
from farm.load import lock
from farm.load.sql import TABLE, name
from farm.schema.definition import parse
from farm.schema.plan import Found

_TABLES = (
    "SELECT table_name, table_rows FROM information_schema.tables WHERE table_schema = %s AND table_name IN (%s, %s)"
)
_DEFINITION = f"SHOW CREATE TABLE {name(TABLE)}"


@dataclass(frozen=True)
class Cluster:
    """The table at each node by its address; ``down``: why a node could not be asked."""

    tables: dict[str, Found]
    down: dict[str, str]
    load_table: bool
    """Whether table farm_load is there."""


def cluster(account: Account) -> Cluster:
    """Ask every node. Raises GaleraError where none answers, or where one lacks the table."""
    tables, down, load_tables = {}, {}, []
    for address in account.hosts:
        try:
            with Node(account, address) as node:
                tables[address], load_table = at(node, account)
                load_tables.append(load_table)
        except NodeLostError as error:
            down[address] = str(error)
    if not tables:
        raise GaleraError(
            f"no Galera node can be asked: {'; '.join(down.values())}. Start the nodes, then run this again"
        )
    return Cluster(tables, down, all(load_tables))


def at(node: Node, account: Account) -> tuple[Found, bool]:
    """The table at one node, and whether table farm_load is there. Raises GaleraError where there is no table."""
    node.execute("SET SESSION wsrep_sync_wait = 1")  # what others have changed is seen here
    known = {str(table): int(rows or 0) for table, rows in node.rows(_TABLES, (account.database, TABLE, lock.TABLE))}
    if TABLE not in known:
        raise GaleraError(
            f"{node.address} has no table {TABLE} in database {account.database} that {account.user} can see:"
            " ansible-playbook -i INVENTORY provision.yml makes it"
        )
    definition = str(node.rows(_DEFINITION)[0][1])
    return parse(definition, known[TABLE]), lock.TABLE in known
