"""The objects that a rebuild is asked for by name: a file's, or those that a condition on table ``objects`` selects."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farm.errors import GaleraError, InputError
from farm.inventory import Inventory
from features import DEFAULT

if TYPE_CHECKING:
    from farm.galera import Account

WHERE_SECONDS = 50
"""What a condition may cost the database."""
_LONGEST = 64


@dataclass(frozen=True)
class Objects:
    """Names without repetition, in order."""

    ids: tuple[str, ...]
    source: str
    """The file or the condition, for people."""

    def __len__(self) -> int:
        return len(self.ids)

    def text(self) -> str:
        """One a line."""
        return "".join(f"{each}\n" for each in self.ids)

    def as_json(self) -> dict[str, Any]:
        digest = hashlib.sha256(self.text().encode()).hexdigest()
        return {"source": self.source, "number": len(self), "sha256": digest}


def of(inventory: Inventory, file: Path | None, condition: str | None) -> Objects | None:
    """What ``listed`` or ``selected`` finds; None where neither is asked for."""
    if file is not None:
        found = listed(file)
        wrong = [each for each in found.ids if inventory.whole_keys and not each.lstrip("-").isdigit()]
        if wrong:
            raise InputError(f"{file}: {wrong[0]!r} is no object of {inventory.survey}, whose keys are whole numbers")
        return found
    if condition is not None:
        from farm.galera import read_account

        return selected(read_account(inventory.home.secret("galera_reader.cnf")), condition, inventory.survey)
    return None


def listed(file: Path) -> Objects:
    """The objects of a file, one a line. Raises InputError where it cannot be read, is empty, or a line is no name."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the list of objects {file} cannot be read: {error}") from None
    for number, line in enumerate(lines, start=1):
        if line.strip() and not _is_name(line.strip()):
            raise InputError(f"{file}, line {number}: {line[:_LONGEST]!r} is no name of an object; write one a line")
    return _objects((line.strip() for line in lines if line.strip()), str(file), f"the list of objects {file} is empty")


def selected(account: "Account", condition: str, whose: str = DEFAULT) -> Objects:
    """The objects whose row in table ``objects`` meets an SQL condition, evaluated once, in a read-only transaction.

    Raises InputError where the condition is not SQL, selects nothing or takes more than ``WHERE_SECONDS``, GaleraError
    where no node can be asked.
    """
    if ";" in condition:
        raise InputError("--where is one condition, as it stands after WHERE, without a semicolon")

    from farm.galera import NodeLostError, connect
    from farm.load.sql import TABLE, name
    from features import survey

    key = name(survey(whose).key.name)
    with connect(account) as node:
        node.execute(f"SET SESSION max_statement_time = {WHERE_SECONDS}")
        node.execute("START TRANSACTION READ ONLY")
        try:
            # The condition stands on lines of its own, so that a comment in it ends with it.
            rows = node.rows(f"SELECT {key} FROM {TABLE} WHERE (\n{condition}\n) ORDER BY {key}")  # noqa: S608
        except NodeLostError:
            raise
        except GaleraError as error:
            raise InputError(f"--where {condition!r} cannot be evaluated: {error}") from None
    return _objects((str(each) for (each,) in rows), f"where {condition}", f"no row of table {TABLE} has {condition}")


def _objects(ids: Iterable[str], source: str, nothing: str) -> Objects:
    found = tuple(dict.fromkeys(ids))
    if not found:
        raise InputError(nothing)
    return Objects(found, source)


def _is_name(text: str) -> bool:
    return len(text) <= _LONGEST and text.isascii() and text.isprintable() and " " not in text
