"""What a table needs to be as the features are declared: a list of changes, each with what it costs. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from farm.errors import SchemaError
from farm.load.sql import name
from features.declare import Survey
from features.schema import column_sql, key_sql, plain_type


class Cost(StrEnum):
    """How MariaDB does a change, cheapest first."""

    INSTANT = "instant"
    """Only the table's definition changes."""
    INPLACE = "inplace"
    """An index is built or let go; the rows stay where they are."""
    COPY = "copy"
    """Every row is written again, with all indexes."""


class What(StrEnum):
    """Kinds of changes, in the order in which they are made."""

    DROP_INDEX = "drop index"
    ADD_COLUMN = "add column"
    CHANGE_COLUMN = "change column"
    ADD_INDEX = "add index"
    DROP_COLUMN = "drop column"


_ALGORITHMS = {Cost.INSTANT: ", ALGORITHM=INSTANT", Cost.INPLACE: ", ALGORITHM=NOCOPY", Cost.COPY: ""}
_INDEXED, _COPIED = 200_000, 10_000
"""Rows a second of one added index and of a copy, measured on the lab: docs/schema.md."""


@dataclass(frozen=True)
class FoundColumn:
    sql: str
    nullable: bool


@dataclass(frozen=True)
class Found:
    """A table as a node describes it: columns in their order, indexes and the primary key by their columns."""

    columns: Mapping[str, FoundColumn]
    indexes: Mapping[str, tuple[str, ...]]
    key: tuple[str, ...]
    rows: int
    """What the node estimates."""


@dataclass(frozen=True)
class Change:
    """One difference, and the ALTER TABLE that ends it."""

    what: What
    name: str
    detail: str
    """What a person reads: the type or the columns, and what they were."""
    clause: str
    cost: Cost
    seconds: float
    """For how long every node would stall under it, as far as rows per second tell; 0 where no row is read."""
    additive: bool = False
    """Whether nodes with it and nodes without it can replicate to each other."""

    @property
    def key(self) -> tuple[What, str]:
        """What it is, whatever it costs."""
        return self.what, self.name

    @property
    def stalls(self) -> bool:
        return self.cost is not Cost.INSTANT and self.what is not What.DROP_INDEX

    def sql(self, table: str, plain: bool = False) -> str:
        """The statement; unless ``plain``, MariaDB refuses it where it would cost more than is said here."""
        return f"ALTER TABLE {name(table)} {self.clause}{'' if plain else _ALGORITHMS[self.cost]}"

    def rolling_sql(self, table: str) -> str:
        """The statement for one node alone, which keeps writers out from its start.

        A node that does a rolling change commits nothing meanwhile: a writer that was let in would hold the table
        until its commit, and the change would wait for it in vain.
        """
        return f"{self.sql(table, plain=True)}, LOCK=SHARED"

    def as_json(self, table: str) -> dict[str, Any]:
        return {**asdict(self), "cost": self.cost.value, "stalls": self.stalls, "sql": self.sql(table)}


@dataclass(frozen=True)
class Plan:
    """``undeclared``: columns that the table has beside the declared ones, and that stay."""

    changes: tuple[Change, ...]
    undeclared: tuple[str, ...]

    @property
    def keys(self) -> frozenset[tuple[What, str]]:
        return frozenset(change.key for change in self.changes)

    @property
    def same(self) -> bool:
        """Whether the table is as declared."""
        return not self.changes and not self.undeclared


def plan(survey: Survey, found: Found, drop: Collection[str] = ()) -> Plan:
    """The changes that bring ``found`` to the declarations, in the order in which they can be made.

    Columns are compared by type and, but for those that others fill, by whether they may be NULL, in any order; indexes
    by name and columns. A column that is not declared is dropped only where ``drop`` names it. Raises SchemaError for a
    name in ``drop`` that the table lacks or that is declared, and for another primary key.
    """
    declared = [column.name for column in survey.table]
    undeclared = [each for each in found.columns if each not in declared]
    if wrong := [each for each in drop if each not in undeclared]:
        why = "is declared" if wrong[0] in declared else "is no column of the table"
        raise SchemaError(
            f"--drop-column {wrong[0]}: it {why}; undeclared columns are {', '.join(undeclared) or 'none'}"
        )
    if found.key != (survey.key.name,):
        key = ", ".join(found.key) or "nothing"
        raise SchemaError(f"the table's primary key is {key}, where {survey.key.name} is declared: make the table anew")
    changes = [*_drop_indexes(survey, found), *_columns(survey, found), *_add_indexes(survey, found)]
    changes += [_drop_column(each, found) for each in undeclared if each in drop]
    return Plan(in_order(changes), tuple(each for each in undeclared if each not in drop))


def in_order(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Changes in the order in which they can be made; those of a kind stay in theirs."""
    return tuple(sorted(changes, key=lambda change: list(What).index(change.what)))


def _columns(survey: Survey, found: Found) -> Iterator[Change]:
    end = list(found.columns)[-1]
    for before, column in zip((None, *survey.table), survey.table, strict=False):
        there = found.columns.get(column.name)
        wanted = column_sql(column, survey)
        nullable = column.name in survey.nullable
        ours = column in survey.columns
        if there is None:
            place = f"AFTER {name(before.name)}" if before else "FIRST"
            last = before is not None and before.name == end
            end = column.name if last else end
            yield Change(
                What.ADD_COLUMN, column.name, column.sql, f"ADD COLUMN {wanted} {place}", Cost.INSTANT, 0, additive=last
            )
        elif plain_type(there.sql) != plain_type(column.sql) or (ours and there.nullable != nullable):
            cost = Cost.INSTANT if _grows(there, column.sql, nullable) else Cost.COPY
            was = there.sql if there.nullable else f"{there.sql} not null"
            yield Change(
                What.CHANGE_COLUMN,
                column.name,
                f"{column.sql} (was {was})",
                f"MODIFY COLUMN {wanted}",
                cost,
                0 if cost is Cost.INSTANT else found.rows / _COPIED,
            )


def _grows(there: FoundColumn, sql: str, nullable: bool) -> bool:
    """Whether only a text's greatest length grows."""
    return there.nullable == nullable and 0 < _length(there.sql) <= _length(sql)


def _length(sql: str) -> int:
    kind, _, rest = sql.lower().partition("(")
    return int(rest.rstrip(")")) if kind == "varchar" else 0


def _drop_indexes(survey: Survey, found: Found) -> Iterator[Change]:
    declared = {index.name: index.columns for index in survey.indexes}
    for each, columns in found.indexes.items():
        if declared.get(each) != columns:
            yield Change(What.DROP_INDEX, each, f"({', '.join(columns)})", f"DROP KEY {name(each)}", Cost.INPLACE, 0)


def _add_indexes(survey: Survey, found: Found) -> Iterator[Change]:
    for index in survey.indexes:
        if found.indexes.get(index.name) != index.columns:
            yield Change(
                What.ADD_INDEX,
                index.name,
                f"({', '.join(index.columns)})",
                f"ADD {key_sql(index)}",
                Cost.INPLACE,
                found.rows / _INDEXED,
                additive=True,
            )


def _drop_column(column: str, found: Found) -> Change:
    return Change(What.DROP_COLUMN, column, found.columns[column].sql, f"DROP COLUMN {name(column)}", Cost.INSTANT, 0)
