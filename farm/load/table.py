"""The table as it stands."""

import unicodedata
from collections.abc import Sequence
from typing import Any

from farm.errors import GaleraError
from farm.galera import Account, Node
from farm.load.columns import Values, parse
from farm.load.packed import is_number, pack, unpack
from farm.load.sql import COLUMNS, TABLE, Merge, by_keys, name
from features.schema import alters


def columns(node: Node, account: Account) -> list[tuple[str, str]]:
    """Name and SQL type of each column of the table, in its order. Raises GaleraError where there is no table."""
    found = [(str(name), str(sql)) for name, sql in node.rows(COLUMNS, (account.database, TABLE))]
    if not found:
        raise GaleraError(
            f"{node.address} has no table {TABLE} in database {account.database} that {account.user} can see:"
            " ansible-playbook -i INVENTORY provision.yml makes it"
        )
    return found


def lookup(
    node: Node, key: str, columns: Sequence[tuple[str, str]], keys: Sequence[Any]
) -> tuple[dict[str, Values], list[int]]:
    """The rows that the table has of at most ``LOOKUP`` ``keys``, and where these stand in ``keys``.

    ``columns``: name and SQL type of those that are read, ``key`` and a number among them. Raises GaleraError for a
    row of which only the server knows which key it has.
    """
    numbers = [(column, sql) for column, sql in columns if is_number(sql)]
    texts = [(column, sql) for column, sql in columns if not is_number(sql)]
    packed = pack([(name(column), sql) for column, sql in numbers])
    query = by_keys(", ".join((packed, *(name(column) for column, _ in texts))), key, len(keys))
    rows = [row for some in node.texts(query, keys, len(keys)) for row in some]
    bits, *fields = list(zip(*rows, strict=True)) or [()] * (len(texts) + 1)
    found = dict(zip((column for column, _ in numbers), unpack([sql for _, sql in numbers], bits), strict=True))
    found |= {column: parse(sql, some) for (column, sql), some in zip(texts, fields, strict=True)}
    place = {folded(each): at for at, each in enumerate(keys)}
    there = [place.get(folded(each)) for each in found[key].data.tolist()]
    if None in there:
        odd = found[key].data[there.index(None)]
        raise GaleraError(
            f"{node.address} takes the object {odd!r} of table {TABLE} for one of the run's, under a name that differs:"
            " correct or remove that row"
        )
    return found, [at for at in there if at is not None]


def folded(key: Any) -> Any:
    """A key as the table's collation has it: without case, accents, and blanks at the end."""
    if not isinstance(key, str):
        return key
    if not key.isascii():
        key = "".join(each for each in unicodedata.normalize("NFKD", key) if not unicodedata.combining(each))
    return key.lower().rstrip(" ")


def require_declared(node: Node, account: Account, sql: Merge) -> None:
    """Raises GaleraError where the table lacks a column that a merge needs, or has it with another type."""
    survey = sql.survey
    needed = {survey.key.name, *survey.guard.columns, *(column.name for column in sql.written)}
    as_declared = {column.name: column.sql for column in survey.columns if column.name not in needed}
    indexes = [index.name for index in survey.indexes]
    if missing := alters(survey, {**dict(columns(node, account)), **as_declared}, indexes, TABLE):
        raise GaleraError(
            f"table {TABLE} at {node.address} is not as the features are declared; nothing was loaded. It needs:"
            f" {' '.join(missing)} (farm schema diff --inventory {account.environment})"
        )
