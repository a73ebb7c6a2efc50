"""Which runs need which release, by their journals."""

from dataclasses import dataclass

from farm import runs
from farm.errors import RunError
from farm.journal import Journal
from farm.runs import Run

MEASURED = "bench"
"""Runs of that verb are neither resumed nor loaded."""


@dataclass(frozen=True)
class Need:
    """A run that cannot do without its release."""

    run: str
    release: str | None
    """None where its journal does not tell."""
    why: str


def needs(env: str) -> list[Need]:
    """Runs that a head works at, that are not done, or that are rebuilds and not loaded; oldest first.

    A run whose journal cannot be read may need any release.
    """
    return [need for run in runs.every(env) if run.journal.exists() and (need := _need(run))]


def _need(run: Run) -> Need | None:
    try:
        journal = Journal(run.journal)
        try:
            release, counts = journal.meta()["release"], journal.counts()
        finally:
            journal.close()
    except RunError as error:
        return Need(run.id, None, str(error))
    except KeyError:
        return Need(run.id, None, f"the journal {run.journal} names no release")
    why = _why(run, counts)
    return Need(run.id, str(release), why) if why else None


def _why(run: Run, counts: dict[str, int]) -> str | None:
    if run.is_held():
        return "a farm process works at it"
    if run.verb == MEASURED:
        return None
    if left := sum(number for state, number in counts.items() if state != "done"):
        return f"{left:,} of its tasks are not done"
    if run.verb == "rebuild" and not run.is_loaded():
        return "it is not loaded"
    return None
