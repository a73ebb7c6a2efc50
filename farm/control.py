"""``farm cancel``, ``hold``, ``unhold`` and ``farm workers drain | undrain | add``: orders to a run.

Where a head works at the run, it gets the order and answers. Where none does, what concerns tasks is written into the
journal, and counts when the run is resumed.
"""

import time
from collections.abc import Sequence

from farm import journal as record
from farm import orders, preflight, runs
from farm.errors import InventoryError, ReleaseError, RunError
from farm.events import State
from farm.history import History
from farm.inventory import Inventory
from farm.journal import Record
from farm.link import Worker
from farm.orders import Order, Verb
from farm.runner import THE_RUN
from farm.runs import Run
from farm.transport import Transport

_OPEN = (State.PENDING, State.FAILED, State.CANCELLED)
_FROM = {"cancel": (State.PENDING, State.FAILED), "hold": _OPEN, "unhold": (State.HELD,)}
_PAST = {"cancel": "cancelled", "hold": "held", "unhold": "unheld"}


def tasks(env: str, text: str, verb: Verb, names: Sequence[str]) -> str:
    """Cancel, hold or unhold tasks of the run that ``text`` means; cancel without any: the run. Returns what was done.

    Raises RunError where the run or a task does not exist or is in no state for it; then nothing is done.
    """
    run = runs.find(env, text)
    order = Order(verb, tuple(dict.fromkeys(names)))
    if run.is_held():
        return _give(run, order)
    with run.locked():
        return _write(run, order)


def worker(env: str, text: str, verb: Verb, name: str) -> str:
    """Drain or undrain a worker of a running run. Raises RunError where the run does not run or has no such worker."""
    return _give(_living(env, text), Order(verb, worker=name))


def add(inventory: Inventory, transport: Transport, text: str, name: str, slots: int | None = None) -> str:
    """Give a running run another worker, which must be ready and have the run's release.

    Raises InventoryError, UnreachableError, HostKeyError or ReleaseError where it is not, RunError where the run does
    not run or has the worker already.
    """
    run = _living(inventory.env, text)
    hosts = {host.name: host for host in inventory.group("workers")}
    if name not in hosts:
        raise InventoryError(f"{name} is no worker of inventory {inventory.env}; its workers are {', '.join(hosts)}")
    host = hosts[name]
    (report,) = preflight.ask([host], transport)
    if report.error:
        raise report.error
    history = History(run.journal)
    try:
        folder = history.meta()["folder"]
    finally:
        history.close()
    if preflight.failures([host], transport, f"test -x {folder}/bin/farm-agent", 10):
        raise ReleaseError(f"{name} lacks {folder}, the release of run {run.id}")
    return _give(run, Order("add", worker=name, added=Worker(host, slots or report.slots)))


def _living(env: str, text: str) -> Run:
    run = runs.find(env, text)
    if not run.is_held():
        raise RunError(
            f"run {run.id} is not running: farm resume {run.id} --inventory {run.env} takes the workers of the"
            " inventory as it is"
        )
    return run


def _give(run: Run, order: Order) -> str:
    said = orders.give(run, order)
    if not said.ok:
        raise RunError(f"in run {run.id}, {said.text}")
    return said.text


def _write(run: Run, order: Order) -> str:
    history = History(run.journal)
    try:
        history.commit([*_records(run, history, order), record.happened(time.time(), THE_RUN, "told", order.text)])
    finally:
        history.close()
    return f"run {run.id}: {order.text}"


def _records(run: Run, history: History, order: Order) -> list[Record]:
    if not order.tasks:
        return [record.cancelled("cancelled by order")]
    for task in order.tasks:
        state = history.state(task)
        if state is None:
            raise RunError(f"run {run.id} has no task {task}")
        if state not in _FROM[order.verb]:
            raise RunError(f"in run {run.id}, task {task} is {state}: it cannot be {_PAST[order.verb]}")
    if order.verb == "unhold":
        return [record.unheld(task) for task in order.tasks]
    state = State.HELD if order.verb == "hold" else State.CANCELLED
    return [record.settled(task, state, f"{state} by order", None) for task in order.tasks]
