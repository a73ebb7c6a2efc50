"""The load's SQL, from the survey's declarations. Pure: values are parameters, names are declared or quoted here."""
# ruff: noqa: S608 - built of declared names alone

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from farm.load.columns import kind
from farm.load.old_values import expression
from features.declare import Feature, Survey

TABLE, STAGING = "objects", "farm_staging"
SESSION = "SET SESSION group_concat_max_len = 1073741824"
"""What ``Merge.look`` needs."""
LOOKUP = 900
"""Keys that a query names: from 1,000 on, MariaDB may plan it as a join."""
COLUMNS = (
    "SELECT column_name, column_type FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"
    " ORDER BY ordinal_position"
)
"""Name and type of a table's columns; values: database and table."""

FIELDS = (
    r"CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '\\'"
    r" LINES TERMINATED BY '\n'"
)


def name(column: str) -> str:
    """An identifier, quoted."""
    return "`" + column.replace("`", "``") + "`"


def names(columns: Sequence[Feature], table: str = "") -> str:
    return ", ".join(f"{table}{name(column.name)}" for column in columns)


def by_keys(selected: str, key: str, number: int, table: str = TABLE) -> str:
    """What is ``selected`` of the rows that have one of ``number`` keys, the statement's values."""
    return f"SELECT {selected} FROM {name(table)} WHERE {name(key)} IN ({', '.join(['%s'] * number)})"


def exact(column: str, sql: str) -> str:
    """A column as an expression whose text has every digit: a FLOAT alone is printed with 6."""
    return f"{name(column)} + 0e0" if kind(sql) == "float" else name(column)


@dataclass(frozen=True)
class Merge(ABC):
    """A staging table ``s`` merged into the table ``o``, a chunk of keys at a time.

    The values of a chunk's statements are its bounds: above the first, up to the second.
    """

    survey: Survey
    same_window: bool
    """Both are of the same window, so that the guard's counts can be compared."""

    insert = ""
    """Inserts what the table lacks; nothing where that is not done."""
    old = ""
    """What a row that is there held, a binary string; nothing where that is not kept."""

    @property
    def guards(self) -> tuple[str, ...]:
        """Names of the staging table's columns that say how far a row is, as ``Survey.guard`` has them."""
        return self.survey.guard.columns

    @property
    @abstractmethod
    def stage(self) -> str:
        """A table of this connection alone, with the types and collations of the living one: it sends no write-set."""

    @property
    @abstractmethod
    def fill(self) -> str:
        """One file into the staging table; its only value is the file's path."""

    @property
    @abstractmethod
    def written(self) -> tuple[Feature, ...]:
        """Columns that are written."""

    @abstractmethod
    def wanted(self, column: Feature) -> str:
        """What a row that is there must hold in the end, of ``s`` and ``o``."""

    @property
    def key(self) -> str:
        return name(self.survey.key.name)

    @property
    def first_bound(self) -> str | int:
        """What every key is above."""
        return "" if self.survey.key.width is not None else -(2**63)

    @property
    def next_key(self) -> str:
        """The last key of the next chunk, NULL at the end. Values: last key before it, rows of a chunk."""
        rows = f"SELECT {self.key} AS k FROM {STAGING} WHERE {self.key} > %s ORDER BY {self.key} LIMIT %s"
        return f"SELECT MAX(k) FROM ({rows}) AS chunk"

    @property
    def guard(self) -> str:
        """True where the table's row is further than the staged row: the pipeline has been there since."""
        (time, time_staged), *counts = (
            (f"COALESCE(o.{name(table)}, 0)", f"COALESCE(s.{name(staged)}, 0)")
            for table, staged in zip(self.survey.guard.columns, self.guards, strict=True)
        )
        further = f"{time} > {time_staged}"
        for rows, rows_staged in counts if self.same_window else ():
            further += f" OR ({time} = {time_staged} AND {rows} > {rows_staged})"
        return f"({further})"

    def same(self, column: Feature) -> str:
        """True where a column need not be written. Texts are compared byte by byte, not as the collation has them."""
        binary = "" if column.width is None else "BINARY "
        return f"{binary}o.{name(column.name)} <=> {binary}{self.wanted(column)}"

    @cached_property
    def changed(self) -> str:
        """True where the table's row is not further, and differs."""
        return f"NOT {self.guard} AND NOT ({' AND '.join(map(self.same, self.written))})"

    @cached_property
    def look(self) -> str:
        """Staged rows of a chunk; of these: there, guarded, changed; what those changed held. Locks the table's rows.

        What they held comes as one value, since reading a row costs the client more than making it costs the server.
        """
        there = f"o.{self.key} IS NOT NULL"
        sums = ", ".join(f"COALESCE(SUM({there} AND {which}), 0)" for which in (self.guard, self.changed))
        old = f"GROUP_CONCAT(IF({there} AND {self.changed}, {self.old}, NULL) SEPARATOR ';')" if self.old else "NULL"
        return f"SELECT COUNT(*), COUNT(o.{self.key}), {sums}, {old} FROM {self._both} WHERE {self._chunk} FOR UPDATE"

    @cached_property
    def absent_keys(self) -> str:
        return f"SELECT s.{self.key} FROM {self._both} WHERE {self._chunk} AND o.{self.key} IS NULL"

    @cached_property
    def guarded_keys(self) -> str:
        return f"SELECT s.{self.key} FROM {self._joined} WHERE {self._chunk} AND {self.guard}"

    @cached_property
    def update_every(self) -> str:
        """For a chunk in which all rows that are there change: no row need be compared again."""
        setting = ", ".join(f"o.{name(each.name)} = {self.wanted(each)}" for each in self.written)
        return f"UPDATE {self._joined} SET {setting} WHERE {self._chunk}"

    @cached_property
    def update(self) -> str:
        return f"{self.update_every} AND {self.changed}"

    @property
    def _both(self) -> str:
        return f"{STAGING} AS s LEFT JOIN {TABLE} AS o ON o.{self.key} = s.{self.key}"

    @property
    def _joined(self) -> str:
        return f"{STAGING} AS s STRAIGHT_JOIN {TABLE} AS o ON o.{self.key} = s.{self.key}"

    @property
    def _chunk(self) -> str:
        return f"s.{self.key} > %s AND s.{self.key} <= %s"


@dataclass(frozen=True)
class Statements(Merge):
    """Parts into the table."""

    zeros: Literal["zero", "null"]
    """What the table holds where a part has zero."""
    columns: tuple[str, ...] = ()
    """Features that are loaded; none: all of them."""
    keep: tuple[str, ...] = ()
    """Features that keep their old value where the new one is NULL, also a zero that is NULL in the table."""

    @cached_property
    def written(self) -> tuple[Feature, ...]:
        return tuple(each for each in self.survey.features if not self.columns or each.name in self.columns)

    @cached_property
    def staged(self) -> tuple[Feature, ...]:
        """Columns that are read from the parts: the key, what is loaded, and what the guard looks at."""
        needed = {self.survey.key.name, *self.guards, *(each.name for each in self.written)}
        return tuple(each for each in self.survey.columns if each.name in needed)

    def wanted(self, column: Feature) -> str:
        new = f"s.{name(column.name)}"
        return f"IF({new} IS NULL, o.{name(column.name)}, {new})" if column.name in self.keep else new

    def _zeroless(self, column: Feature) -> bool:
        return self.zeros == "null" and column.width is None and column.name in self.survey.nullable

    @property
    def stage(self) -> str:
        return (
            f"CREATE TEMPORARY TABLE {STAGING} (PRIMARY KEY ({self.key})) ENGINE=InnoDB"
            f" SELECT {names(self.staged)} FROM {TABLE} WHERE FALSE"
        )

    @property
    def fill(self) -> str:
        """One part into the staging table, every column by name; those that are not staged are passed over."""
        targets, setting = [], []
        for at, column in enumerate(self.survey.columns):
            if column not in self.staged:
                targets.append("@unused")
            elif self._zeroless(column):
                targets.append(f"@v{at}")
                setting.append(f"{name(column.name)} = NULLIF(@v{at}, 0)")
            else:
                targets.append(name(column.name))
        sets = f" SET {', '.join(setting)}" if setting else ""
        return f"LOAD DATA LOCAL INFILE %s INTO TABLE {STAGING} {FIELDS} IGNORE 1 LINES ({', '.join(targets)}){sets}"

    @cached_property
    def insert(self) -> str:  # type: ignore[override]
        if self.columns:
            return ""
        return (
            f"INSERT INTO {TABLE} ({names(self.survey.columns)}) SELECT {names(self.survey.columns, 's.')}"
            f" FROM {self._both} WHERE {self._chunk} AND o.{self.key} IS NULL"
        )

    @property
    def _key_text(self) -> str:
        """The key as a string: of a number, HEX would give the number's own digits."""
        return f"o.{self.key}" if self.survey.key.width is not None else f"CONCAT(o.{self.key})"

    @cached_property
    def old(self) -> str:  # type: ignore[override]
        """The old values of a row, and how far it will be: see ``old_values``."""
        features = {each.name: each for each in self.survey.features}
        further = [features[each] for each in self.guards]
        will_be = [self.wanted(each) if each in self.written else f"o.{name(each.name)}" for each in further]
        return expression(self._key_text, will_be, [(each, f"o.{name(each.name)}") for each in self.written])
