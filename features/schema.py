"""What follows from a survey's declarations: DDL of both databases, the load's columns, the schema hash."""

import hashlib
import json
from collections.abc import Collection, Mapping

from features.declare import Feature, Index, Survey, Table

CHARSET = "CHARACTER SET utf8 COLLATE utf8_unicode_ci"


def header(survey: Survey) -> tuple[str, ...]:
    """Names of the columns of a part, which is the load's column list: every column of the table, in its order."""
    return tuple(column.name for column in survey.columns)


def schema_hash(survey: Survey) -> str:
    """SHA-256 of the canonical JSON [[name, SQL type, null rule], ...] in table order: not docs and units."""
    declared = [[column.name, column.sql, column.null] for column in survey.columns]
    return hashlib.sha256(json.dumps(declared, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def ddl(survey: Survey, table: str = "objects") -> str:
    """MariaDB's CREATE TABLE of the survey's objects, ended by a semicolon."""
    lines = [f"  {column_sql(column, survey)}" for column in survey.table]
    lines += [f"  PRIMARY KEY (`{survey.key.name}`)", *(f"  {key_sql(index)}" for index in survey.indexes)]
    body = ",\n".join(lines)
    return f"CREATE TABLE IF NOT EXISTS `{table}` (\n{body}\n) ENGINE=InnoDB DEFAULT {CHARSET};\n"


def alters(survey: Survey, columns: Mapping[str, str], indexes: Collection[str], table: str = "objects") -> list[str]:
    """What a living table lacks, as ALTER TABLE statements, one a change; nothing is ever dropped.

    ``columns`` is name to SQL type as information_schema.columns.column_type has them, ``indexes`` the names of its
    keys. Widths that MariaDB prints for integers, as in ``int(11)``, make no difference.
    """
    changes = []
    for before, column in zip((None, *survey.table), survey.table, strict=False):
        place = f"AFTER `{before.name}`" if before else "FIRST"
        if column.name not in columns:
            changes.append(f"ADD COLUMN {column_sql(column, survey)} {place}")
        elif plain_type(columns[column.name]) != plain_type(column.sql):
            changes.append(f"MODIFY COLUMN {column_sql(column, survey)}")
    changes += [f"ADD {key_sql(index)}" for index in survey.indexes if index.name not in indexes]
    return [f"ALTER TABLE `{table}` {change};" for change in changes]


def cql_ddl(table: Table, keyspace: str) -> str:
    """Cassandra's CREATE TABLE, ended by a semicolon."""
    columns = ",\n".join(f"  {cql_name(column.name)} {column.cql}" for column in table.columns)
    partition = ", ".join(map(cql_name, table.partition_key))
    key = ", ".join((f"({partition})", *map(cql_name, table.clustering)))
    order = ", ".join(f"{cql_name(name)} ASC" for name in table.clustering)
    ordered = f" WITH CLUSTERING ORDER BY ({order})" if order else ""
    return f"CREATE TABLE IF NOT EXISTS {keyspace}.{table.name} (\n{columns},\n  PRIMARY KEY ({key})\n){ordered};\n"


def cql_name(column: str) -> str:
    """A column's name as CQL has it: quoted where it has capitals."""
    return column if column == column.lower() else f'"{column}"'


def column_sql(column: Feature, survey: Survey) -> str:
    """A column as CREATE TABLE and ALTER TABLE have it."""
    if column is survey.key:
        return f"`{column.name}` {column.sql}{'' if column.width is None else f' {CHARSET}'} NOT NULL"
    return f"`{column.name}` {column.sql} {column.default}"


def key_sql(index: Index) -> str:
    """A secondary index as CREATE TABLE and ALTER TABLE have it."""
    names = ", ".join(f"`{name}`" for name in index.columns)
    return f"KEY `{index.name}` ({names})"


def plain_type(sql: str) -> str:
    """The SQL type without the display width of an integer."""
    kind = sql.lower().split("(")[0]
    return kind if kind.endswith("int") else sql.lower()
