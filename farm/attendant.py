"""The head's ear for orders: looks for them in the run's folder and has them carried out, or refused."""

import time
from functools import partial
from pathlib import Path

import gevent

from farm import journal as record
from farm import orders
from farm.errors import RunError
from farm.events import Cancel, CancelTasks, DrainWorker, Event, Hold, Tick, UndrainWorker, Unhold
from farm.journal import Record
from farm.news import News
from farm.orders import Answer, Order
from farm.runner import THE_RUN, Runner

_LOOK = 0.2
"""Seconds between two looks."""


class Attendant:
    def __init__(self, runner: Runner) -> None:
        self._runner, self._run = runner, runner.job.run
        self._seen: set[Path] = set()

    def attend(self) -> None:
        """In a greenlet of its own, for as long as the run goes on."""
        while True:
            for path, order in orders.taken(self._run):
                if path not in self._seen:
                    self._seen.add(path)
                    self._carry_out(path, order)
            gevent.sleep(_LOOK)

    def leave(self) -> None:
        """The run is over."""
        for path, _ in orders.taken(self._run):
            orders.answer(path, Answer(ok=False, text="everything has ended"))

    def _carry_out(self, path: Path, order: Order) -> None:
        try:
            news, records = self._news(order)
        except RunError as error:
            orders.answer(path, Answer(ok=False, text=str(error)))
            return
        self._runner.tell(
            News(
                news,
                records,
                after=partial(self._done, path, order),
                refused=lambda why: orders.answer(path, Answer(ok=False, text=why)),
            )
        )

    def _done(self, path: Path, order: Order) -> None:
        board = self._runner.board
        board.notes.append(f"by order: {order.text}")
        if order.verb == "drain":
            board.workers[order.worker].state = "drained"
        elif order.verb == "undrain":
            board.workers[order.worker].state = "up" if self._runner.is_up(order.worker) else "lost"
        orders.answer(path, Answer(ok=True, text=f"run {self._run.id}: {order.text}"))

    def _news(self, order: Order) -> tuple[Event, tuple[Record, ...]]:
        """What the scheduler is told, and the journal. Raises RunError where it makes no sense."""
        now = time.time()
        told = record.happened(now, THE_RUN, "told", order.text)
        match order.verb:
            case "cancel":
                return (CancelTasks(order.tasks) if order.tasks else Cancel("cancelled by order")), (told,)
            case "hold":
                return Hold(order.tasks), (told,)
            case "unhold":
                return Unhold(order.tasks), (told,)
            case "drain":
                return DrainWorker(order.worker), (record.happened(now, order.worker, "drained", "by order"),)
            case "undrain":
                return UndrainWorker(order.worker), (record.happened(now, order.worker, "up", "undrained"),)
            case "add":
                assert order.added is not None
                if self._runner.works(order.added.name):
                    raise RunError(f"{order.added.name} is at work already")
                added = record.happened(now, order.added.name, "added", f"{order.added.slots} slots")
                return Tick(), (self._runner.add(order.added), added)
