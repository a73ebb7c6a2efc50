"""Orders to a run that a head works at: files in the run's folder ``orders/``, each with its answer beside it.

``<order>.json`` is written whole by whoever orders; the head writes ``<order>.answer`` when the order is in its journal
or refused, and removes the order; who ordered removes the answer.
"""

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from farm.errors import RunError
from farm.inventory import Host, Jump
from farm.link import Worker
from farm.runs import Run

SCHEMA = 1
Verb = Literal["cancel", "hold", "unhold", "drain", "undrain", "add"]
_PATIENCE = 10.0
"""Seconds that a head has to answer."""
_STALE = 60.0
"""Seconds after which nobody waits for an answer any more."""
_LOOK = 0.05


@dataclass(frozen=True)
class Order:
    verb: Verb
    tasks: tuple[str, ...] = ()
    """Of cancel, hold, unhold; cancel without any means the run."""
    worker: str = ""
    """Of drain and undrain."""
    added: Worker | None = None
    """Of add."""

    @property
    def text(self) -> str:
        """As a person would say it."""
        return " ".join([self.verb, *self.tasks, *([self.worker] if self.worker else [])])


@dataclass(frozen=True)
class Answer:
    ok: bool
    text: str
    """Why it is refused, or what the head does."""


def give(run: Run, order: Order) -> Answer:
    """Give an order to the run's head and wait for the answer. Raises RunError where there is none."""
    path = _folder(run) / f"{time.time_ns()}-{secrets.token_hex(4)}.json"
    told = {"schema": SCHEMA, "at": time.time(), **asdict(order)}
    _write(path, json.dumps(told, default=str))
    answer = path.with_suffix(".answer")
    deadline = time.monotonic() + _PATIENCE
    while not answer.exists():
        held = run.is_held()
        if not held or time.monotonic() > deadline:
            path.unlink(missing_ok=True)
            if not answer.exists():
                raise RunError(f"the head of run {run.id} {'does not answer' if held else 'has just ended'}")
        time.sleep(_LOOK)
    said = json.loads(answer.read_bytes())
    answer.unlink()
    return Answer(said["ok"], said["text"])


def taken(run: Run) -> Iterator[tuple[Path, Order]]:
    """The orders that wait for the head, oldest first. What nobody waits for any more is removed."""
    for path in sorted(_folder(run).glob("*.json")):
        try:
            told = json.loads(path.read_bytes())
            stale = told["schema"] != SCHEMA or time.time() - told["at"] > _STALE
            order = None if stale else _order(told)
        except (ValueError, KeyError, TypeError):
            order = None
        except FileNotFoundError:
            continue
        if order:
            yield path, order
        else:
            path.unlink(missing_ok=True)


def answer(path: Path, said: Answer) -> None:
    """Answer the order of that file."""
    _write(path.with_suffix(".answer"), json.dumps({"schema": SCHEMA, **asdict(said)}))
    path.unlink(missing_ok=True)


def _order(told: Mapping[str, Any]) -> Order:
    added = None
    if worker := told["added"]:
        host = worker["host"]
        jump = Jump(**host["jump"]) if host["jump"] else None
        added = Worker(Host(**{**host, "key": Path(host["key"]), "jump": jump}), worker["slots"])
    return Order(told["verb"], tuple(told["tasks"]), told["worker"], added)


def _folder(run: Run) -> Path:
    folder = run.folder / "orders"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _write(path: Path, text: str) -> None:
    scratch = path.with_suffix(".new")
    scratch.write_text(text, encoding="utf-8")
    scratch.rename(path)
