"""Whether a trial is good enough for a run to begin."""

from farm.errors import InputError
from farm.mining.trial import Trial
from features.mining.job import Job


def require_objects(tried: Trial, *, named: bool, part: float) -> None:
    """Raises InputError where the function was tried on none."""
    if tried.objects:
        return
    if named:
        raise InputError("Cassandra has none of the objects that are named")
    if part < 1:
        raise InputError(f"the sample has no objects: take more than {100 * part:g}%")
    raise InputError("Cassandra has no light curves: is its table filled?")


def require_types(job: Job, tried: Trial) -> None:
    """Raises InputError where the function failed for all that it was tried on, or yielded nothing of a known type."""
    if tried.failed == tried.objects:
        most = tried.errors[0]
        raise InputError(
            f"{job.function} has failed for all of the first {tried.objects} objects, {most['count']} times with"
            f" {most['kind']}:\n{most['traceback']}"
        )
    if tried.types is None:
        raise InputError(
            f"{job.function} yielded nothing for the first {tried.objects} objects, so that its types are not known:"
            " declare a schema, as in @light_curve(columns=..., schema={'period': 'float64'})"
        )
