"""What the table needs, as JSON and as lines for a person. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from farm.errors import Exit
from farm.load.sql import TABLE
from farm.schema.found import Cluster
from farm.schema.plan import Change, Plan

SCHEMA = 1


def as_json(environment: str, there: Cluster, plans: dict[str, Plan]) -> dict[str, Any]:
    """``plans``: by the node's address."""
    return {
        "schema": SCHEMA,
        "environment": environment,
        "table": TABLE,
        "same": exit_code(there, plans) is Exit.OK,
        "farm_load": there.load_table,
        "nodes": {
            address: {
                "changes": [change.as_json(TABLE) for change in each.changes],
                "undeclared": list(each.undeclared),
            }
            for address, each in plans.items()
        },
        "down": there.down,
    }


def exit_code(there: Cluster, plans: dict[str, Plan]) -> Exit:
    """OK where every node has the table as declared, and table farm_load; GALERA where one could not be asked."""
    if _differ(there, plans):
        return Exit.SCHEMA
    return Exit.GALERA if there.down else Exit.OK


def _differ(there: Cluster, plans: dict[str, Plan]) -> bool:
    return not (there.load_table and all(each.same for each in plans.values()))


def lines(there: Cluster, plans: dict[str, Plan]) -> Iterator[str]:
    alike: dict[object, list[str]] = {}
    for address, each in plans.items():
        alike.setdefault((each.keys, each.undeclared), []).append(address)
    for addresses in alike.values():
        each, where = plans[addresses[0]], f"table {TABLE} at {', '.join(addresses)}"
        if each.same:
            yield f"{where} is as declared"
            continue
        yield f"{where} differs from the declarations:"
        yield from (f"  {change_line(change)}" for change in each.changes)
        yield from (f"  column {name} is not declared; --drop-column {name} drops it" for name in each.undeclared)
    if not there.load_table:
        yield "table farm_load is missing, which loads lock each other out by"
    yield from (f"not asked: {why}" for why in there.down.values())
    if _differ(there, plans):
        yield "farm schema migrate --option-file FILE brings the table there; --dry-run prints the SQL"


def change_line(change: Change) -> str:
    cost = f"{change.cost}, stops every node for {say(change.seconds)}" if change.stalls else change.cost.value
    return f"{change.what} {change.name} {change.detail}: {cost}"


def say(seconds: float) -> str:
    """An estimate in words."""
    return f"about {seconds:,.0f} s" if seconds >= 1 else "less than a second"


def migration(environment: str, statements: Sequence[str], refused: str, made: bool) -> dict[str, Any]:
    """``refused``: why the statements may not be run; ``made``: whether they were."""
    return {
        "schema": SCHEMA,
        "environment": environment,
        "table": TABLE,
        "statements": list(statements),
        "refused": refused or None,
        "made": made,
    }


def migration_lines(said: Mapping[str, Any]) -> Iterator[str]:
    """The SQL; what is refused is a comment before it."""
    yield from (f"-- {line}" for line in (said["refused"] or "").splitlines())
    yield from (f"{statement};" for statement in said["statements"])
    if not said["statements"]:
        yield f"-- table {said['table']} is as declared"
