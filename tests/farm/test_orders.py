"""Orders to a run as files: taken in order, answered, and forgotten when nobody waits for the answer."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from local import host

from farm import control, orders, runs
from farm.errors import RunError
from farm.events import State
from farm.history import History
from farm.inventory import Jump
from farm.journal import Journal, Task
from farm.link import Worker
from farm.orders import Answer, Order
from farm.runs import Run


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("FARM_HOME", str(tmp_path))
    return runs.create("test", "run")


@contextmanager
def refusing_head(run: Run) -> Iterator[list[Order]]:
    """Holds the run, refuses one order and ends; what it was told comes into the list."""
    held, told = threading.Event(), []

    def work() -> None:
        with run.locked():
            held.set()
            while not (found := list(orders.taken(run))):
                time.sleep(0.01)
            ((path, order),) = found
            told.append(order)
            orders.answer(path, Answer(ok=False, text=f"no {order.text}"))

    thread = threading.Thread(target=work)
    thread.start()
    assert held.wait(10)
    yield told
    thread.join(10)


def test_an_order_is_answered_and_leaves_nothing_behind(run: Run) -> None:
    with refusing_head(run):
        assert orders.give(run, Order("hold", ("t1", "t2"))) == Answer(ok=False, text="no hold t1 t2")
    assert list((run.folder / "orders").iterdir()) == []


def test_an_order_says_everything_of_the_worker_that_is_added(run: Run) -> None:
    worker = Worker(replace(host("w9"), jump=Jump("hop", "me", 2222), slots=3), 5)
    with refusing_head(run) as told:
        orders.give(run, Order("add", worker="w9", added=worker))
    assert told == [Order("add", worker="w9", added=worker)]


def test_an_order_to_a_run_whose_head_ends_is_withdrawn(run: Run) -> None:
    with pytest.raises(RunError, match="has just ended"):
        orders.give(run, Order("cancel"))
    assert list(orders.taken(run)) == []


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"schema": 1}',
        json.dumps({"schema": 99, "at": 4e9, "verb": "cancel", "tasks": [], "worker": "", "added": None}),
        json.dumps({"schema": 1, "at": 0, "verb": "cancel", "tasks": [], "worker": "", "added": None}),
    ],
    ids=["torn", "no object", "incomplete", "of another schema", "stale"],
)
def test_what_is_no_order_of_today_is_thrown_away(run: Run, text: str) -> None:
    path = run.folder / "orders" / "1.json"
    path.parent.mkdir()
    path.write_text(text)
    assert list(orders.taken(run)) == []
    assert not path.exists()


@pytest.fixture
def ended(run: Run) -> Run:
    """A run that no head works at."""
    Journal.create(run.journal, {"environment": "test"}, [Task(f"t{each}", "true") for each in range(3)]).close()
    return run


def states(run: Run) -> list[State | None]:
    history = History(run.journal)
    try:
        return [history.state(f"t{each}") for each in range(3)]
    finally:
        history.close()


def test_tasks_of_a_run_without_a_head_are_held_and_unheld_in_its_journal(ended: Run) -> None:
    control.tasks("test", ended.id, "hold", ["t1", "t1"])
    assert states(ended) == [State.PENDING, State.HELD, State.PENDING]
    control.tasks("test", "last", "unhold", ["t1"])
    assert states(ended) == [State.PENDING] * 3


def test_a_run_without_a_head_is_cancelled_but_for_what_is_held(ended: Run) -> None:
    control.tasks("test", ended.id, "cancel", ["t0"])
    control.tasks("test", ended.id, "hold", ["t2"])
    control.tasks("test", ended.id, "cancel", [])
    assert states(ended) == [State.CANCELLED, State.CANCELLED, State.HELD]


@pytest.mark.parametrize(
    ("verb", "tasks", "why"),
    [
        ("hold", ["t0", "nobody"], "has no task nobody"),
        ("unhold", ["t0"], "task t0 is pending: it cannot be unheld"),
        ("cancel", ["t1"], "task t1 is held: it cannot be cancelled"),
    ],
)
def test_an_order_that_cannot_be_carried_out_changes_nothing(
    ended: Run, verb: orders.Verb, tasks: list[str], why: str
) -> None:
    control.tasks("test", ended.id, "hold", ["t1"])
    with pytest.raises(RunError, match=why):
        control.tasks("test", ended.id, verb, tasks)
    assert states(ended) == [State.PENDING, State.HELD, State.PENDING]


def test_workers_of_a_run_without_a_head_cannot_be_drained(ended: Run) -> None:
    with pytest.raises(RunError, match=f"is not running: farm resume {ended.id} --inventory test takes"):
        control.worker("test", ended.id, "drain", "w1")


def test_somebody_who_looks_whether_a_run_is_held_keeps_no_head_from_it(ended: Run) -> None:
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(0.005):
            ended.is_held()

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(50):
            with ended.locked():
                pass
    finally:
        stop.set()
        looking.join(10)
