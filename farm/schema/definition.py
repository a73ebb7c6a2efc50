"""What ``SHOW CREATE TABLE`` says, as data. Pure.

It is asked for rather than information_schema, which hides the columns of a table from an account without SELECT.
"""

import re

from farm.schema.plan import Found, FoundColumn

_NAME = r"`((?:[^`]|``)+)`"
_COLUMN = re.compile(rf"  {_NAME} ([a-z]+(?:\([^)]*\))?(?: unsigned)?)(.*)")
_KEY = re.compile(rf"  (?:([A-Z]+) )?KEY (?:{_NAME} )?\((.*)\)")
_MEMBER = re.compile(rf"{_NAME}((?:\(\d+\))?(?: DESC)?)")
_QUOTED = re.compile(r"'(?:[^'\\]|''|\\.)*'")


def parse(text: str, rows: int) -> Found:
    """The table. An index that is not a plain one has its kind before its columns, and so equals none declared."""
    columns: dict[str, FoundColumn] = {}
    indexes: dict[str, tuple[str, ...]] = {}
    key: tuple[str, ...] = ()
    for line in text.splitlines():
        if column := _COLUMN.match(line):
            columns[_plain(column[1])] = FoundColumn(column[2], " NOT NULL" not in _QUOTED.sub("", column[3]))
        elif index := _KEY.match(line):
            members = tuple(_plain(name) + rest for name, rest in _MEMBER.findall(index[3]))
            if index[1] == "PRIMARY":
                key = members
            else:
                indexes[_plain(index[2])] = members if index[1] is None else (index[1].lower(), *members)
    return Found(columns, indexes, key, rows)


def _plain(name: str) -> str:
    return name.replace("``", "`")
