"""``farm release rollback``: the release that was current before the last switch is current again, on every host."""

from farm import playbook
from farm.inventory import Inventory


def rollback(inventory: Inventory, *, skip_down: bool = False) -> None:
    """Go back on workers, pipeline hosts and a loader of its own.

    Runs that began before finish on their own release; the next one takes the former. Raises ReleaseError where there
    is no former release or a host cannot take it, UnreachableError where one is down; with ``skip_down`` it is left
    out, and the error comes at the end.
    """
    playbook.play(inventory, "rollback", {"skip_down": True} if skip_down else {})
