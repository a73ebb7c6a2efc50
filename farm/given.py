"""What features need from outside Cassandra, as the environment has it: ``farm_given``.

A map of the sky lies on every worker; of a table, the rows are copied when a run begins and brought to the workers, so
that each task of the run, and whoever goes on with it, has the same ones and no worker needs a way to Galera.
"""

import shlex
from collections.abc import Iterator, Sequence
from json import dumps
from pathlib import Path
from typing import Any

from farm import ship
from farm.errors import InputError
from farm.galera import Node, connect, read_account
from farm.inventory import Inventory
from farm.load.columns import kind
from farm.load.sql import COLUMNS, by_keys, name
from farm.objects import Objects
from features import errors, given, survey
from features.declare import External, Record

_AT_ONCE = 1000
_NUMBERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint", "float", "double", "decimal"})


def options(inventory: Inventory) -> str:
    """The options of ``rebuild_objects`` that name all sources, in the language of a worker's shell."""
    brought = [f'{each.name}="{ship.place("$FARM_RUN")}/{each.name}"' for each in _tables(inventory)]
    return maps(inventory) + "".join(f"--given {word} " for word in brought)


def maps(inventory: Inventory) -> str:
    """The options that name what each worker must have on its own disk."""
    return "".join(f"--given {word} " for word in _maps(inventory))


def without(inventory: Inventory) -> dict[str, list[str]]:
    """Each input that the environment has no source of, and the features that are NULL for that."""
    whole = survey(inventory.survey)
    named = {each.name for each in whole.external}
    return {
        each.name: list(whole.lacking(named - {each.name}))
        for each in whole.external
        if each.name not in inventory.given
    }


def bring(inventory: Inventory, objects: Objects | None, archive: Path) -> str | None:
    """Copy what tables say, of all objects or of these, into the archive that goes to the workers.

    Returns its SHA-256; None, and no archive, where nothing is to be brought. Raises GaleraError where the tables
    cannot be read, InputError where one is not as it must be.
    """
    tables = _tables(inventory)
    if not tables:
        return None
    files = {each.name: archive.with_name(f"{each.name}.given") for each in tables}
    try:
        with connect(read_account(inventory.home.secret("galera_reader.cnf"))) as node:
            for each in tables:
                _copy(node, each, inventory, objects, files[each.name])
        return ship.pack(archive, files)
    finally:
        for file in files.values():
            file.unlink(missing_ok=True)


def _maps(inventory: Inventory) -> list[str]:
    return [
        f"{each.name}={shlex.quote(inventory.given[each.name])}"
        for each in survey(inventory.survey).external
        if each.name in inventory.given and not isinstance(each.source, Record)
    ]


def _tables(inventory: Inventory) -> list[External]:
    return [
        each
        for each in survey(inventory.survey).external
        if each.name in inventory.given and isinstance(each.source, Record)
    ]


def _copy(node: Node, external: External, inventory: Inventory, objects: Objects | None, file: Path) -> None:
    assert isinstance(external.source, Record)
    key = survey(inventory.survey).key.name
    table = inventory.given[external.name]
    told = f"table {table}, which farm_given of inventory {inventory.env} names for {external.name},"
    database = str(node.rows("SELECT DATABASE()")[0][0])
    known = {str(column): str(sql) for column, sql in node.rows(COLUMNS, (database, table))}
    asked = external.source.columns
    if lacking := [each for each in (key, *asked) if each not in known]:
        what = f"lacks {', '.join(lacking)}" if known else f"is not in database {database}, or not to be read"
        raise InputError(f"{told} {what}: name a table, or a view, that has {', '.join((key, *asked))}")
    numeric = [kind(known[each]) in _NUMBERS for each in asked]
    wanted = [name(key), *(_exact(each, known[each]) for each in asked)]
    whole = inventory.whole_keys
    # As numbers: MariaDB compares a whole number with a text as doubles, in which two keys of 18 digits can be one.
    keys = [int(each) if whole else each for each in objects.ids] if objects else None

    def records() -> Iterator[tuple[Any, str]]:
        for number, *texts in _rows(node, table, key, ", ".join(wanted), keys):
            values = [
                None if text is None else float(text) if plain else text.decode()
                for text, plain in zip(texts, numeric, strict=True)
            ]
            record = dict(zip(asked, values, strict=True))
            yield None if number is None else int(number) if whole else number.decode(), dumps(record)

    try:
        given.keep(file, records())
    except (errors.InputError, ValueError) as error:
        raise InputError(f"{told} cannot be used: {error}") from None


def _rows(node: Node, table: str, key: str, wanted: str, keys: Sequence[Any] | None) -> Iterator[Sequence[Any]]:
    if keys is None:
        for some in node.texts(f"SELECT {wanted} FROM {name(table)}"):  # noqa: S608
            yield from some
        return
    for first in range(0, len(keys), _AT_ONCE):
        some_keys = keys[first : first + _AT_ONCE]
        for some in node.texts(by_keys(wanted, key, len(some_keys), table), some_keys):
            yield from some


def _exact(column: str, sql: str) -> str:
    """Every digit of a number: a FLOAT is printed with 6 otherwise."""
    return f"{name(column)} + 0e0" if kind(sql) in _NUMBERS else name(column)
