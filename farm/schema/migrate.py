"""Changes of table ``objects``, made as farm_owner: by the whole cluster at once, or node by node.

A DDL that Galera replicates (total order isolation) stops every node while it runs, and ends transactions that use the
table; it never waits for them. Node by node (rolling schema upgrade), the node leaves the flow of write-sets, does the
change alone, and catches up; there it waits for readers, but no longer than ``_WAIT_SECONDS`` at a time.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from farm.errors import GaleraError, SchemaError
from farm.galera import Account, ConflictError, Node, UnsupportedError
from farm.load import lock
from farm.load.sql import TABLE
from farm.schema import found
from farm.schema.found import Cluster
from farm.schema.plan import Change, Plan, What, in_order, plan
from farm.schema.show import change_line, say
from features.declare import Survey

_WAIT_SECONDS, _TRIES, _PAUSE_SECONDS = 1, 20, 0.5
_ANSWER_SECONDS = 86_400
"""How long an ALTER may take."""
_SYNC_SECONDS = 3_600
_STATE = "SHOW GLOBAL STATUS LIKE 'wsrep_local_state_comment'"
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
    changes: tuple[Change, ...]
    rolled: tuple[Change, ...]
    refused: str
    """Why it may not be done; empty where it may."""

    @property
    def statements(self) -> tuple[str, ...]:
        """The SQL, in the order in which it runs; what follows RSU runs at each node that lacks it."""
        return tuple(self._statements())

    def _statements(self) -> Iterator[str]:
        if not self.cluster.load_table:
            yield lock.DDL
        at = "TOI"
        for change in self.changes:
            if (method := "RSU" if change in self.rolled else "TOI") != at:
                yield f"SET SESSION wsrep_OSU_method = '{method}'"
                at = method
            yield change.rolling_sql(TABLE) if method == "RSU" else change.sql(TABLE)


def prepare(survey: Survey, account: Account, how: How) -> Migration:
    """Ask every node and plan; nothing is changed.

    Raises SchemaError as ``plan`` does, GaleraError where a node is missing.
    """
    there = found.cluster(account)
    if there.down:
        raise GaleraError(
            f"the table is changed only while every node is there: {'; '.join(there.down.values())}. Start it first"
        )
    changes, uneven = _together([plan(survey, each, how.drop) for each in there.tables.values()])
    rolled = tuple(change for change in changes if how.rolling and (change in uneven or change.stalls))
    return Migration(there, changes, rolled, _refusal(changes, uneven, rolled, how))


def _refusal(changes: Sequence[Change], uneven: Sequence[Change], rolled: Sequence[Change], how: How) -> str:
    """Why the changes may not be made like that; empty where they may."""
    if uneven and not how.rolling:
        return (
            f"some nodes have these already, so the cluster cannot do them at once:\n{_listed(uneven)}\n--rolling does"
            " them where they are missing"
        )
    if never := [change for change in rolled if not change.additive]:
        return (
            "--rolling makes additive changes only, and these are none, since nodes with them and nodes without them"
            f" could not replicate to each other:\n{_listed(never)}\n--allow-stall makes them everywhere at once"
        )
    stalling = [change for change in changes if change.stalls]
    if stalling and not (how.rolling or how.allow_stall):
        seconds = sum(change.seconds for change in stalling)
        return (
            f"these changes would stop every node of the cluster while they run, {say(seconds)} in all by the rows that"
            f" the table has:\n{_listed(stalling)}\n--allow-stall makes them all the same; --rolling makes additions"
            " node by node"
        )
    return ""


def migrate(survey: Survey, account: Account, how: How, todo: Migration) -> Cluster:
    """Make the changes, compare every node with the declarations, and return the table as it is then.

    Raises SchemaError where they are refused, where one cannot be made as asked, or where a node differs afterwards;
    what was changed by then stays, and running it again goes on.
    """
    if todo.refused:
        raise SchemaError(f"nothing was changed: {todo.refused}")
    with Node(account, account.hosts[0], seconds=_ANSWER_SECONDS) as node:
        _enter(node, "TOI")
        if not todo.cluster.load_table:
            _patiently(node, lock.DDL)
        for change in todo.changes:
            if change in todo.rolled:
                _roll(survey, account, change)
            else:
                sys.stderr.write(f"{change_line(change)}\n")
                _everywhere(survey, account, node, change, how)
    return _compared(survey, account)


def _compared(survey: Survey, account: Account) -> Cluster:
    after = found.cluster(account)
    wrong = [
        f"{address} still lacks {', '.join(f'{change.what} {change.name}' for change in left)}"
        for address, each in after.tables.items()
        if (left := plan(survey, each).changes)
    ]
    if wrong or after.down:
        raise SchemaError(
            f"after the changes not every node is as declared ({'; '.join([*wrong, *after.down.values()])}): run this"
            " again"
        )
    return after


def _together(plans: Sequence[Plan]) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    """The changes that some node needs, in the order of making; and those of them that some node has already."""
    every: dict[tuple[What, str], Change] = {}
    for change in (change for each in sorted(plans, key=lambda each: -len(each.changes)) for change in each.changes):
        every.setdefault(change.key, change)
    changes = in_order(every.values())
    return changes, tuple(change for change in changes if any(change.key not in each.keys for each in plans))


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
            if change.key in plan(survey, table).keys:
                sys.stderr.write(f"{change.what} {change.name} {change.detail} at {address} alone\n")
                _patiently(node, change.rolling_sql(TABLE))
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
    while (state := node.rows(_STATE)[0][1]) != "Synced":
        if time.monotonic() > end:
            raise SchemaError(
                f"{node.address} is {state} {_SYNC_SECONDS} s after its change: see to it, then run this again"
            )
        time.sleep(0.1)


def _listed(changes: Sequence[Change]) -> str:
    return "\n".join(f"  {change_line(change)}" for change in changes)
