"""Which runs need which release, by their journals."""

from dataclasses import dataclass

from farm import runs
from farm.errors import RunError
from farm.journal import Journal
from farm.runs import Run

MEASURED = "bench"
"""Runs of that verb are neither resumed nor loaded."""
OVER = "its journal refers to it"
"""Why a run that has ended well needs its release: a load is undone, and a task repeated, by the same code."""


@dataclass(frozen=True)
class Need:
    """A run whose journal refers to a release."""

    run: str
    release: str | None
    """None where its journal does not tell."""
    why: str

    @property
    def over(self) -> bool:
        """Whether nothing more is expected of the run."""
        return self.why == OVER


def needs(env: str) -> list[Need]:
    """Every run with a journal that ``farm prune`` has not been at since it ended, oldest first.

    One whose journal cannot be read may need any release.
    """
    return [need for run in runs.every(env) if run.journal.exists() and (need := _need(run))]


def _need(run: Run) -> Need | None:
    try:
        journal = Journal(run.journal)
        try:
            meta, counts = journal.meta(), journal.counts()
            release, latest = meta["release"], journal.latest()
        finally:
            journal.close()
    except RunError as error:
        return Need(run.id, None, str(error))
    except KeyError:
        return Need(run.id, None, f"the journal {run.journal} names no release")
    pruned = float(meta.get("pruned", -1)) >= latest
    return None if pruned and not run.is_held() else Need(run.id, str(release), _why(run, counts))


def _why(run: Run, counts: dict[str, int]) -> str:
    if run.is_held():
        return "a farm process works at it"
    if run.verb == MEASURED:
        return OVER
    if left := sum(number for state, number in counts.items() if state != "done"):
        return f"{left:,} of its tasks are not done"
    if run.verb == "rebuild" and not run.is_loaded():
        return "it is not loaded"
    return OVER
