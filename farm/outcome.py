"""With what the head of a run ended, kept with the run for whoever looks in the morning; a load's head, too."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any

from farm.errors import Exit, FarmError, RunError
from farm.journal import Journal, noted
from farm.runs import Run

_run: Run | None = None
"""Whose head this process is."""


@dataclass(frozen=True)
class Outcome:
    exit: int
    said: str
    """Its last sentence, where it had one."""
    at: float

    @property
    def words(self) -> str:
        """For a person: the code, its name, and the sentence."""
        name = f" ({Exit(self.exit).name})" if self.exit in set(Exit) else ""
        return f"{self.exit}{name}{f': {self.said}' if self.said else ''}"


def of(meta: Mapping[str, Any]) -> Outcome | None:
    """By a journal's meta; None where a head still works at the run, or was killed."""
    return Outcome(**meta["outcome"]) if meta.get("outcome") else None


def heads(run: Run) -> None:
    """This process is the head of the run from now on, and holds it; what a former one ended with is over."""
    global _run
    _run = run
    _note(None)


@contextmanager
def kept() -> Iterator[None]:
    """Keep with what the process ends, where it has been the head of a run."""
    try:
        yield
    except FarmError as error:
        _end(error.exit, str(error))
        raise
    except SystemExit as end:
        _end(end.code if isinstance(end.code, int) else int(end.code is not None), "")
        raise
    except KeyboardInterrupt:
        _end(Exit.INTERRUPTED, "")
        raise
    except Exception as error:
        _end(Exit.BUG, f"{type(error).__name__}: {error}")
        raise


def _end(code: int, said: str) -> None:
    with suppress(RunError):  # a full disk has ended it, and is the error that is on its way
        _note(asdict(Outcome(int(code), said, time.time())))


def _note(value: Mapping[str, Any] | None) -> None:
    if _run is None:
        return
    journal = Journal(_run.journal)
    try:
        journal.commit([noted("outcome", value)])
    finally:
        journal.close()
