"""Table ``objects`` as the nodes of a cluster describe it."""

from collections import defaultdict
from dataclasses import dataclass

from farm.errors import GaleraError
from farm.galera import Account, Node, NodeLostError
from farm.load import lock
from farm.load.sql import TABLE
from farm.schema.plan import Found, FoundColumn

_COLUMNS = (
    "SELECT column_name, column_type, is_nullable FROM information_schema.columns"
    " WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position"
)
_KEYS = (
    "SELECT index_name, CONCAT(column_name, COALESCE(CONCAT('(', sub_part, ')'), ''), IF(non_unique, '', ' unique'))"
    " FROM information_schema.statistics WHERE table_schema = %s AND table_name = %s ORDER BY index_name, seq_in_index"
)
_TABLES = (
    "SELECT table_name, table_rows FROM information_schema.tables WHERE table_schema = %s AND table_name IN (%s, %s)"
)


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
    where = (account.database, TABLE)
    known = {str(name): int(rows or 0) for name, rows in node.rows(_TABLES, (account.database, TABLE, lock.TABLE))}
    if TABLE not in known:
        raise GaleraError(
            f"{node.address} has no table {TABLE} in database {account.database} that {account.user} can see:"
            " ansible-playbook provision.yml makes it"
        )
    columns = {
        str(name): FoundColumn(str(sql), nullable == "YES") for name, sql, nullable in node.rows(_COLUMNS, where)
    }
    indexes: dict[str, list[str]] = defaultdict(list)
    for index, column in node.rows(_KEYS, where):
        indexes[str(index)].append(str(column))
    key = tuple(column.removesuffix(" unique") for column in indexes.pop("PRIMARY", ()))
    found = Found(columns, {name: tuple(each) for name, each in indexes.items()}, key, known[TABLE])
    return found, lock.TABLE in known
