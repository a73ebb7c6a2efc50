"""Changes of table ``objects``, made as farm_owner: by the whole cluster at once, or node by node.

A DDL that Galera replicates (total order isolation) stops every node while it runs, and ends transactions that use the
table; it never waits for them. Node by node (rolling schema upgrade), the node leaves the flow of write-sets, does the
change alone, and catches up; there it waits for readers, but no longer than ``_WAIT_SECONDS`` at a time.
"""

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from farm.errors import GaleraError, SchemaError
from farm.galera import Account, ConflictError, Node, NodeLostError, UnsupportedError, connect
from farm.load import lock
from farm.load.sql import TABLE
from farm.schema import found
from farm.schema.found import Cluster
from farm.schema.plan import Change, Plan, plan
from farm.schema.show import change_line, say
from features.declare import Survey

_WAIT_SECONDS, _TRIES, _PAUSE_SECONDS = 2, 10, 1.0
_ANSWER_SECONDS = 86_400
"""How long an ALTER may take."""
_SYNC_SECONDS = 3_600
_SESSION = (f"SET SESSION lock_wait_timeout = {_WAIT_SECONDS}", "SET SESSION sql_notes = 0")


@dataclass(frozen=True)
class How:
    """What the operator allows; ``drop``: columns to drop by name."""

    allow_stall: bool = False
    rolling: bool = False
    drop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Migration:
    """What is to be done: ``changes`` of the cluster at once but for those in ``rolled``, which go node by node."""

    cluster: Cluster
    plan: Plan
    rolled: tuple[Change, ...]

    @property
    def statements(self) -> tuple[str, ...]:
        """The SQL, in the order in which it runs."""
        return tuple(self._statements())

    def _statements(self) -> Iterator[str]:
        if not self.cluster.load_table:
            yield lock.DDL
        for change in self.plan.changes:
            yield f"SET SESSION wsrep_OSU_method = '{'RSU' if change in self.rolled else 'TOI'}'"
            yield change.sql(TABLE)


def prepare(survey: Survey, account: Account, how: How) -> Migration:
    """Ask every node and plan; nothing is changed.

    Raises SchemaError where the nodes differ in what a rolling change may not meet, where something would stall the
    cluster and is not allowed to, or where it cannot be done node by node; GaleraError where a node is missing.
    """
    there = found.cluster(account)
    if there.down:
        raise GaleraError(
            f"the table is changed only while every node is there: {'; '.join(there.down.values())}. Start it first"
        )
    changes = _together(survey, there, how.drop)
    stalling = [change for change in changes.changes if change.stalls]
    if how.rolling and (never := [change for change in stalling if not change.additive]):
        raise SchemaError(
            "--rolling makes additive changes only, and these are none, since nodes with them and nodes without them"
            f" could not replicate to each other:\n{_listed(never)}\n--allow-stall makes them everywhere at once"
        )
    if stalling and not (how.rolling or how.allow_stall):
        seconds = sum(change.seconds for change in stalling)
        raise SchemaError(
            f"these changes would stop every node of the cluster while they run, {say(seconds)} in all by the rows that"
            f" the table has; nothing was changed:\n{_listed(stalling)}\n--allow-stall makes them all the same;"
            " --rolling makes new indexes node by node"
        )
    return Migration(there, changes, tuple(stalling) if how.rolling else ())


def migrate(survey: Survey, account: Account, how: How, todo: Migration) -> Cluster:
    """Make the changes, compare every node with the declarations, and return the table as it is then.

    Raises SchemaError where a change cannot be made as asked, or where a node differs afterwards. What was changed
    stays: run it again.
    """
    with connect(account, seconds=_ANSWER_SECONDS) as node:
        _enter(node, "TOI")
        if not todo.cluster.load_table:
            _patiently(node, lock.DDL)
        for change in todo.plan.changes:
            if change in todo.rolled:
                _roll(survey, account, change)
            else:
                _everywhere(survey, account, node, change, how)
    after = found.cluster(account)
    differing = {address: left for address, each in after.tables.items() if (left := plan(survey, each).changes)}
    if differing or after.down:
        told = [f"{address}: {', '.join(each.name for each in left)}" for address, left in differing.items()]
        raise SchemaError(
            f"after the changes not every node is as declared ({'; '.join([*told, *after.down.values()])}): farm schema"
            " diff shows it; run this again"
        )
    return after


def _together(survey: Survey, there: Cluster, drop: Collection[str]) -> Plan:
    """One plan for all nodes: after a rolling change that was broken off, what some node still lacks."""
    plans = [plan(survey, each, drop) for each in there.tables.values()]
    changes: dict[tuple[str, str], Change] = {}
    for each in plans:
        changes |= {(change.what, change.name): change for change in each.changes}
    if uneven := [change for key, change in changes.items() if any(key not in _keys(each) for each in plans)]:
        if worse := [change for change in uneven if not change.additive]:
            raise SchemaError(f"the nodes differ from each other by more than an addition:\n{_listed(worse)}")
    order = max(plans, key=lambda each: len(each.changes)).changes
    rest = [change for change in changes.values() if change not in order]
    return Plan((*order, *rest), plans[0].undeclared)


def _keys(one: Plan) -> set[tuple[str, str]]:
    return {(change.what, change.name) for change in one.changes}


def _everywhere(survey: Survey, account: Account, node: Node, change: Change, how: How) -> None:
    """One change by the whole cluster; dearer than planned only where that is allowed."""
    try:
        _patiently(node, change.sql(TABLE))
    except UnsupportedError as error:
        if how.rolling and change.additive:
            _roll(survey, account, change)
        elif how.allow_stall:
            _patiently(node, change.sql(TABLE, plain=True))
        else:
            raise SchemaError(
                f"{change.what} {change.name}: {error}, so every row would be written again; --allow-stall makes it so"
            ) from None


def _roll(survey: Survey, account: Account, change: Change) -> None:
    """One addition at each node that lacks it, the next one only when the last is synced again."""
    for address in account.hosts:
        with Node(account, address, seconds=_ANSWER_SECONDS) as node:
            _enter(node, "RSU")
            table, _ = found.at(node, account)
            if any((each.what, each.name) == (change.what, change.name) for each in plan(survey, table).changes):
                _patiently(node, change.sql(TABLE, plain=change.cost == "instant"))
                _await_synced(node)


def _enter(node: Node, method: str) -> None:
    for statement in (*_SESSION, f"SET SESSION wsrep_OSU_method = '{method}'"):
        node.execute(statement)


def _patiently(node: Node, statement: str) -> None:
    """Run a DDL; again where it did not get the table's lock in time, so that nobody queues behind it for long."""
    for _ in range(_TRIES):
        try:
            node.execute(statement)
        except ConflictError:
            time.sleep(_PAUSE_SECONDS)
        else:
            return
    raise SchemaError(
        f"other transactions at {node.address} hold table {TABLE}; {_TRIES} times the change waited"
        f" {_WAIT_SECONDS} s for them: end them (SHOW PROCESSLIST there), then run this again"
    )


def _await_synced(node: Node) -> None:
    end = time.monotonic() + _SYNC_SECONDS
    while True:
        try:
            node.require_synced()
        except NodeLostError as error:
            if time.monotonic() > end:
                raise SchemaError(f"{error}, {_SYNC_SECONDS} s after its change: see to it, then run this again") from None
            time.sleep(0.2)
        else:
            return


def _listed(changes: Sequence[Change]) -> str:
    return "\n".join(f"  {change_line(change)}" for change in changes)
