"""The load's SQL, from the survey's declarations. Pure: values are parameters, names are declared or quoted here."""
# ruff: noqa: S608 - built of declared names alone

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from farm.load.columns import kind
from features.declare import Feature, Survey

TABLE, STAGING = "objects", "farm_staging"
COLUMNS = (
    "SELECT column_name, column_type FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"
    " ORDER BY ordinal_position"
)
"""Name and type of a table's columns; values: database and table."""

_FORMAT = (
    r"CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '\\'"
    r" LINES TERMINATED BY '\n' IGNORE 1 LINES"
)


def name(column: str) -> str:
    """An identifier, quoted."""
    return "`" + column.replace("`", "``") + "`"


def names(columns: Sequence[Feature], table: str = "") -> str:
    return ", ".join(f"{table}{name(column.name)}" for column in columns)


def exact(column: str, sql: str) -> str:
    """A column as an expression whose text has every digit: a FLOAT alone is printed with 6."""
    return f"{name(column)} + 0e0" if kind(sql) == "float" else name(column)


@dataclass(frozen=True)
class Statements:
    """``same_window``: the parts and the table share the window, so that ncand can be compared."""

    survey: Survey
    zeros: Literal["zero", "null"]
    same_window: bool

    @property
    def key(self) -> str:
        return name(self.survey.key.name)

    @property
    def stage(self) -> str:
        """A table of this connection alone, with the types and collations of the living one: it sends no write-set."""
        columns = names(self.survey.columns)
        return (
            f"CREATE TEMPORARY TABLE {STAGING} (PRIMARY KEY ({self.key})) ENGINE=InnoDB"
            f" SELECT {columns} FROM {TABLE} WHERE FALSE"
        )

    @property
    def fill(self) -> str:
        """One part into the staging table; its only value is the file's path."""
        if self.zeros == "zero":
            targets, setting = names(self.survey.columns), ""
        else:
            numbers = [column for column in self.survey.features if column.width is None]
            variables = {column.name: f"@v{at}" for at, column in enumerate(numbers)}
            targets = ", ".join(variables.get(column.name, name(column.name)) for column in self.survey.columns)
            setting = " SET " + ", ".join(f"{name(each)} = NULLIF({var}, 0)" for each, var in variables.items())
        return f"LOAD DATA LOCAL INFILE %s INTO TABLE {STAGING} {_FORMAT} ({targets}){setting}"

    @property
    def next_key(self) -> str:
        """The last key of the next chunk, NULL at the end. Values: last key before it, rows of a chunk."""
        rows = f"SELECT {self.key} AS k FROM {STAGING} WHERE {self.key} > %s ORDER BY {self.key} LIMIT %s"
        return f"SELECT MAX(k) FROM ({rows}) AS chunk"

    @property
    def guard(self) -> str:
        """True where the table's row ``o`` is further than the staged row ``s``: the pipeline has been there since."""
        further = _greater("jdmax")
        if self.same_window:
            further += f" OR ({_equal('jdmax')} AND {_greater('ncand')})"
        return f"({further})"

    @property
    def count(self) -> str:
        """Staged rows of a chunk, how many of them the table has, how many of these are guarded; locks the table's.

        The values of this statement and of the next ones are the chunk's bounds: above the first, up to the second.
        """
        guarded = f"COALESCE(SUM(o.{self.key} IS NOT NULL AND {self.guard}), 0)"
        return f"SELECT COUNT(*), COUNT(o.{self.key}), {guarded} FROM {self._both} WHERE {self._chunk} FOR UPDATE"

    @property
    def absent_keys(self) -> str:
        return f"SELECT s.{self.key} FROM {self._both} WHERE {self._chunk} AND o.{self.key} IS NULL"

    @property
    def guarded_keys(self) -> str:
        return (
            f"SELECT s.{self.key} FROM {self._both} WHERE {self._chunk} AND o.{self.key} IS NOT NULL AND {self.guard}"
        )

    @property
    def insert(self) -> str:
        return (
            f"INSERT INTO {TABLE} ({names(self.survey.columns)}) SELECT {names(self.survey.columns, 's.')}"
            f" FROM {self._both} WHERE {self._chunk} AND o.{self.key} IS NULL"
        )

    @property
    def update(self) -> str:
        setting = ", ".join(f"o.{name(each.name)} = s.{name(each.name)}" for each in self.survey.features)
        return (
            f"UPDATE {STAGING} AS s STRAIGHT_JOIN {TABLE} AS o ON o.{self.key} = s.{self.key}"
            f" SET {setting} WHERE {self._chunk} AND NOT {self.guard}"
        )

    def read(self, keys: int) -> str:
        """Rows of the table by key, each column with all its digits; values: as many keys."""
        columns = ", ".join(exact(column.name, column.sql) for column in self.survey.columns)
        marks = ", ".join(["%s"] * keys)
        return f"SELECT {columns} FROM {TABLE} WHERE {self.key} IN ({marks})"

    @property
    def _both(self) -> str:
        return f"{STAGING} AS s LEFT JOIN {TABLE} AS o ON o.{self.key} = s.{self.key}"

    @property
    def _chunk(self) -> str:
        return f"s.{self.key} > %s AND s.{self.key} <= %s"


def _greater(column: str) -> str:
    return f"COALESCE(o.{name(column)}, 0) > COALESCE(s.{name(column)}, 0)"


def _equal(column: str) -> str:
    return f"COALESCE(o.{name(column)}, 0) = COALESCE(s.{name(column)}, 0)"
