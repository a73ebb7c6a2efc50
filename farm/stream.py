"""``farm events``: what a journal's log says, as JSON lines that a program can follow. No head is asked."""

import json
import time
from collections.abc import Iterator
from typing import Any

from farm.history import Entry, History, utc
from farm.runner import THE_RUN
from farm.runs import Run

INTERVAL = 0.5
"""Seconds between looks at the journal."""
_FIGURES = ("code", "signal", "wall", "cpu", "rss", "slot")


def events(run: Run, after: int = 0, *, follow: bool = False) -> Iterator[dict[str, Any]]:
    """Every event with a number above ``after``; while a head works at the run and ``follow`` is set, those to come.

    Raises RunError where the journal cannot be read, or has no log.
    """
    history = History(run.journal)
    try:
        while True:
            goes_on = follow and run.is_held()
            for entry in list(history.log(after)):
                yield told(run, entry)
                after = entry.seq
            if not goes_on:
                return
            time.sleep(INTERVAL)
    finally:
        history.close()


def told(run: Run, entry: Entry) -> dict[str, Any]:
    """An entry as its line has it; what is not known, or does not belong to its kind, is left out."""
    kind = "run" if entry.name == THE_RUN else entry.kind
    head = {"schema": 1, "seq": entry.seq, "at": utc(entry.at), "run": run.id, "event": kind}
    named: dict[str, Any] = {
        "task": entry.name if kind in ("task", "attempt") else None,
        "attempt": entry.attempt,
        "worker": entry.name if kind == "worker" else entry.worker,
        "state": entry.state,
        "reason": entry.detail,
        **{name: getattr(entry, name) for name in _FIGURES},
    }
    if entry.result:
        named["result"] = {key: value for key, value in json.loads(entry.result).items() if isinstance(value, int)}
    return head | {name: value for name, value in named.items() if value is not None}
