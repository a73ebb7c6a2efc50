"""What goes wrong in a script: counted by kind, each kind with one object and its traceback."""

import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

SHOWN = 20
"""Objects of a kind that are named."""
MOST = 4096
"""Characters of an error's own words that are kept."""


class LateError(Exception):
    """A function took longer than it may."""


class UnfitError(ValueError):
    """What was yielded is no row, or does not fit the table. ``column`` is the one at fault, if it is one."""

    def __init__(self, why: str, column: str | None = None) -> None:
        super().__init__(f"{column}: {why}" if column else why)
        self.column = column


@dataclass(frozen=True)
class Kind:
    """Errors of one type at one place."""

    kind: str
    """The type, and where in the script: ``ZeroDivisionError, rise.py line 12``."""
    count: int
    objects: tuple[str, ...]
    """The first ``SHOWN`` of them."""
    traceback: str
    """Of the first one."""

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "count": self.count, "objects": list(self.objects), "traceback": self.traceback}


def of(object_id: object, error: BaseException, script: Path) -> Kind:
    """An error of one object; its traceback begins with the script's own frame."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [number for number, frame in enumerate(frames) if Path(frame.filename) == script]
    column = error.column if isinstance(error, UnfitError) else None
    place = f"what it yielded as {column}" if column else "what it yielded"
    if own:
        place = f"{script.name} line {frames[own[-1]].lineno}"
    lines = traceback.format_list(frames[own[0] :]) if own else []
    words = _short("".join(traceback.format_exception_only(error)).rstrip().removeprefix(f"{__name__}."))
    kind = _sayable(f"{type(error).__name__}, {place}")
    return Kind(kind, 1, (_sayable(str(object_id)),), _sayable("".join([*lines, words])))


def _short(words: str) -> str:
    return words if len(words) <= MOST else f"{words[:MOST]}... (of {len(words):,} characters)"


def _sayable(text: str) -> str:
    """Without halves of surrogate pairs, which nothing can print."""
    return text.encode("utf-8", "backslashreplace").decode()


def merged(kinds: Sequence[Kind]) -> list[Kind]:
    """Each kind once, with all that are counted in it, the most frequent first."""
    found: dict[str, Kind] = {}
    for each in kinds:
        known = found.get(each.kind)
        found[each.kind] = each if known is None else replace(
            known, count=known.count + each.count, objects=(known.objects + each.objects)[:SHOWN]
        )  # fmt: skip
    return sorted(found.values(), key=lambda each: -each.count)


def read(told: Sequence[dict[str, Any]]) -> list[Kind]:
    """As ``Kind.as_json`` wrote them."""
    return [Kind(each["kind"], each["count"], tuple(each["objects"]), each["traceback"]) for each in told]
