"""What each Galera node says of itself, of the table and of the loaders: all nodes at once, as farm_reader."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import gevent

from farm.errors import FarmError
from farm.galera import Account, Node, NodeLostError
from farm.load import lock
from farm.load.sql import TABLE
from farm.schema import found
from farm.schema.plan import Found

_SECONDS = 8
_VARIABLES = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'local_infile', 'read_only', 'max_connections')"
_LOADERS = (
    f"SELECT owner, host, run, TIMESTAMPDIFF(SECOND, heartbeat, UTC_TIMESTAMP(6)) FROM {lock.TABLE}"  # noqa: S608
    " WHERE target = %s AND id = '' AND holder IS NOT NULL"
)


@dataclass(frozen=True)
class Loader:
    """Who holds the lock of the table."""

    who: str
    run: str
    silent: int
    """Seconds since its last beat."""


@dataclass(frozen=True)
class NodeSaid:
    address: str
    error: FarmError | None = None
    """Why the node could not be asked at all."""
    variables: dict[str, str] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)
    table: Found | None = None
    load_table: bool = False
    trouble: FarmError | None = None
    """Why it did not describe the table."""
    loader: Loader | None = None

    @property
    def well(self) -> bool:
        """Whether it takes part in a cluster with quorum, and is up to date."""
        return self.status.get("wsrep_cluster_status") == "Primary" and self.synced

    @property
    def synced(self) -> bool:
        return self.status.get("wsrep_local_state_comment") == "Synced"


def ask(account: Account) -> list[NodeSaid]:
    """Ask every node that the option file names."""
    pool = gevent.get_hub().threadpool
    asked = [gevent.spawn(pool.apply, _ask, (account, address)) for address in account.hosts]
    gevent.joinall(asked)
    return [greenlet.get() for greenlet in asked]


def _ask(account: Account, address: str) -> NodeSaid:
    try:
        with Node(account, address, _SECONDS, any_state=True) as node:
            status = dict(
                node.rows(
                    "SHOW GLOBAL STATUS WHERE Variable_name LIKE 'wsrep_%' OR Variable_name = 'Threads_connected'"
                )
            )
            variables = dict(node.rows(_VARIABLES))
            said = NodeSaid(address, None, variables, status)
            return _table(node, account, said) if said.well else said
    except FarmError as error:
        return NodeSaid(address, error)


def _table(node: Node, account: Account, said: NodeSaid) -> NodeSaid:
    try:
        table, load_table = found.at(node, account)
        held = node.rows(_LOADERS, (TABLE,)) if load_table else []
    except FarmError as error:
        return NodeSaid(said.address, None, said.variables, said.status, trouble=error)
    loader = Loader(f"{held[0][0]} on {held[0][1]}", str(held[0][2]), int(held[0][3])) if held else None
    return NodeSaid(said.address, None, said.variables, said.status, table, load_table, None, loader)


def refusals(accounts: Sequence[Account], addresses: Sequence[str]) -> list[tuple[Account, str]]:
    """Accounts that are refused by the first of the addresses that answers, and why; all are tried at once."""
    pool = gevent.get_hub().threadpool
    tried = [(account, gevent.spawn(pool.apply, _refusal, (account, addresses))) for account in accounts]
    gevent.joinall([greenlet for _, greenlet in tried])
    return [(account, why) for account, greenlet in tried if (why := greenlet.get())]


def _refusal(account: Account, addresses: Sequence[str]) -> str | None:
    why = None
    for address in addresses:
        try:
            with Node(account, address, _SECONDS):
                return None
        except NodeLostError as error:
            why = str(error)
        except FarmError as error:
            return str(error)
    return why
