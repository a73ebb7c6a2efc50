"""Command lines as users write them: a file with one a line, or JSON lines. Pure but for reading the file.

A line that begins with ``{`` is an object: ``command``, and where wanted ``id``, ``timeout`` (seconds, or text as
``10m``) and ``outputs`` (names or globs below ``$FARM_OUT`` that must be there when the command has ended). Any other
line is a command for ``/bin/sh -c`` as it stands; empty lines and lines that begin with ``#`` are left out.

Nothing is put into a command of a file: braces belong to awk, JSON and the shell. On the worker it finds
``$FARM_TASK``, ``$FARM_SLOT`` (1 up to the worker's slots), ``$FARM_ATTEMPT`` and ``$FARM_OUT``, a folder for its
output.
"""

import json
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from farm.errors import InputError
from farm.journal import Task
from farm.plan import cut

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_KEYS = {"id", "command", "timeout", "outputs"}


def read(source: str, timeout: float | None) -> list[Task]:
    """The tasks of a file, or of standard input for ``-``; ``timeout`` is for those that name none.

    Raises InputError that names the line.
    """
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(f"the tasks {source} cannot be read: {error}") from None
    tasks = list(_unique(source, _tasks(source, text.split("\n"), timeout)))
    if not tasks:
        raise InputError(f"{source} has no task: write one command line a line")
    return tasks


def over_ranges(words: Sequence[str], pieces: int, timeout: float | None) -> list[Task]:
    """One command for each of ``pieces`` even ranges of tokens, ``{low}`` < token <= ``{high}``.

    One word is a command for ``/bin/sh -c`` as it stands; of several each is quoted. No other brace means anything.
    Raises InputError where the command has no place for its range.
    """
    command = words[0] if len(words) == 1 else shlex.join(words)
    if absent := [place for place in ("{low}", "{high}") if place not in command]:
        raise InputError(f"the command has no {' and no '.join(absent)}, where each range is to stand: {command}")
    digits = len(str(pieces))
    return [
        Task(f"r{number:0{digits}}", command.replace("{low}", str(low)).replace("{high}", str(high)), timeout)
        for number, (low, high) in enumerate(cut(pieces), start=1)
    ]


def _tasks(source: str, lines: list[str], timeout: float | None) -> Iterator[tuple[int, Task]]:
    digits = len(str(len(lines)))
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        told = _object(source, number, line) if line.startswith("{") else {"command": line}
        name = told.get("id", f"t{number:0{digits}}")
        if not isinstance(name, str) or not _ID.fullmatch(name):
            raise InputError(f"{source}:{number}: the id {name!r} is not made of letters, digits, - and _")
        if not isinstance(told.get("command"), str):
            raise InputError(f"{source}:{number}: there is no command")
        try:
            limit = _limit(told["timeout"]) if "timeout" in told else timeout
            wanted = _outputs(told.get("outputs", []))
        except ValueError as error:
            raise InputError(f"{source}:{number}: {error}") from None
        yield number, Task(name, told["command"], limit, detail={"outputs": wanted} if wanted else None)


def _limit(told: object) -> float | None:
    if told is None or (isinstance(told, int | float) and not isinstance(told, bool) and told > 0):
        return told
    if isinstance(told, str):
        return seconds(told)
    raise ValueError(f"the timeout {told!r} is no number of seconds")


def _outputs(told: object) -> list[str]:
    names: list[Any] = told if isinstance(told, list) else [told]
    for name in names:
        if not isinstance(name, str) or not name or not name.isprintable():
            raise ValueError(f"the output {name!r} is no name: write a list of names or globs")
        if name.startswith("/") or ".." in name.split("/"):
            raise ValueError(f"the output {name!r} is outside of $FARM_OUT: name it as it stands there")
    return names


def _object(source: str, number: int, line: str) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except ValueError as error:
        raise InputError(f"{source}:{number}: a line that begins with {{ must be JSON: {error}") from None
    if unknown := told.keys() - _KEYS:
        raise InputError(
            f"{source}:{number}: unknown {', '.join(sorted(unknown))}; known are {', '.join(sorted(_KEYS))}"
        )
    return dict(told)


def _unique(source: str, tasks: Iterable[tuple[int, Task]]) -> Iterator[Task]:
    seen: dict[str, int] = {}
    for number, task in tasks:
        if task.id in seen:
            raise InputError(f"{source}:{number}: the id {task.id} stands in line {seen[task.id]} too")
        seen[task.id] = number
        yield task


def seconds(text: str) -> float:
    """``90``, ``90s``, ``10m``, ``2h`` or ``1d``. Raises ValueError for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text.strip())
    if not match or not float(match[1]):
        raise ValueError(f"{text!r} is no duration: write 90s, 10m or 2h")
    return float(match[1]) * _UNITS[match[2]]
