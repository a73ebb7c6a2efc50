"""The doctor's findings for people and for programs."""

import sys
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from shutil import get_terminal_size
from typing import Any

from farm.doctor.finding import Check, Severity

_MARKS = {Severity.OK: "ok", Severity.UNASKED: "-", Severity.WARNING: "warning", Severity.ERROR: "ERROR"}
_WIDTH = 120
"""Columns where there is no terminal."""


def as_json(env: str, checks: Sequence[Check], seconds: float) -> dict[str, Any]:
    return {
        "schema": 1,
        "environment": env,
        "seconds": round(seconds, 2),
        **{f"{grade.value}s": _number(checks, grade) for grade in (Severity.ERROR, Severity.WARNING)},
        "checks": [each.as_json() for each in checks],
    }


def lines(env: str, checks: Sequence[Check], seconds: float) -> Iterator[str]:
    """A row a check, by group; below it where something is wrong, what, and what to do."""
    width = get_terminal_size().columns if sys.stdout.isatty() else _WIDTH
    for group, members in groupby(checks, key=lambda each: each.group):
        yield group
        for each in members:
            yield f"  {_MARKS[each.severity]:<8}{each.name:<14}{each.said}"
            for finding in each.findings:
                yield from _wrapped(f"{finding.where}: {finding.what}", width, "    - ")
                yield from _wrapped(f"do: {finding.todo}", width, "      ")
    wrong = [f"{_number(checks, grade)} {grade.value}s" for grade in (Severity.ERROR, Severity.WARNING)]
    if unasked := sum(each.severity is Severity.UNASKED for each in checks):
        wrong.append(f"{unasked} not asked")
    yield f"{env}: {len(checks)} checks in {seconds:.1f} s, {', '.join(wrong)}"


def _wrapped(text: str, width: int, first: str) -> list[str]:
    """Lines of at most ``width``; a command is broken at blanks alone."""
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent="      ", break_long_words=False, break_on_hyphens=False
    )


def _number(checks: Sequence[Check], grade: Severity) -> int:
    return sum(finding.severity is grade for each in checks for finding in each.findings)
