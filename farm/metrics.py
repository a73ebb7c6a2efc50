"""``farm metrics``: a run's state as Prometheus has it, by its journal. The one module with prometheus_client."""

import time
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric, generate_latest, write_to_textfile
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from farm.errors import InputError
from farm.history import History
from farm.runs import Run
from farm.watch import look
from features.target import target

INTERVAL = 5.0
"""Seconds between two files."""


def text(run: Run) -> str:
    """The text format. Raises RunError where the journal cannot be read."""
    return generate_latest(_registry(run)).decode()


def write(run: Run, out: Path, *, follow: bool = False) -> None:
    """Write the file whole, by a rename; again and again while a head works at the run if ``follow`` is set.

    Raises RunError where the journal cannot be read, InputError where the file cannot be written.
    """
    registry = _registry(run)
    while True:
        goes_on = follow and run.is_held()
        try:
            write_to_textfile(str(target(out)), registry)
        except OSError as error:
            raise InputError(f"{out} cannot be written: {error.strerror or error}") from None
        if not goes_on:
            return
        time.sleep(INTERVAL)


def _registry(run: Run) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_RunCollector(run))
    return registry


class _RunCollector(Collector):
    """Reads the journal whenever it is asked."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def describe(self) -> Iterator[Metric]:
        return iter(())

    def collect(self) -> Iterator[Metric]:
        history = History(self._run.journal)
        try:
            yield from self._of_the_run(history)
            yield from self._of_workers(history)
        finally:
            history.close()

    def _of_the_run(self, history: History) -> Iterator[Metric]:
        run, meta = self._run.id, history.meta()
        known = {"verb": self._run.verb, "environment": self._run.env, "release": str(meta.get("release", ""))}
        info = InfoMetricFamily("farm_run", "A run of the farm.", labels=["run"])
        info.add_metric([run], known)
        yield info
        board = look(history, "")
        tasks = GaugeMetricFamily("farm_tasks", "Tasks of the run by state.", labels=["run", "state"])
        for state, number in board.counts.items():
            tasks.add_metric([run, state.value], number)
        yield tasks
        for name, doc, value in (
            ("farm_run_live", "Whether a head works at the run.", float(self._run.is_held())),
            ("farm_run_begun_timestamp_seconds", "When the run began.", meta.get("begun")),
            ("farm_run_ended_timestamp_seconds", "When its last head left it.", meta.get("ended")),
            ("farm_run_seconds", "How long heads have worked at it.", history.worked()),
        ):
            if value is not None:
                gauge = GaugeMetricFamily(name, doc, labels=["run"])
                gauge.add_metric([run], value)
                yield gauge
        for name, number in board.collected.items():
            counter = CounterMetricFamily(f"farm_{name}", f"Sum of {name} over the accepted outputs.", labels=["run"])
            counter.add_metric([run], number)
            yield counter

    def _of_workers(self, history: History) -> Iterator[Metric]:
        run, board = self._run.id, look(history, "")
        labels = ["run", "worker"]
        attempts = GaugeMetricFamily("farm_attempts", "Attempts by where they stand now.", labels=[*labels, "state"])
        for worker, states in history.attempts_by_worker().items():
            for state, number in states.items():
                attempts.add_metric([run, worker, state], number)
        up = GaugeMetricFamily("farm_worker_up", "Whether the worker takes part.", labels=labels)
        slots = GaugeMetricFamily("farm_worker_slots", "Slots of the worker.", labels=labels)
        running = GaugeMetricFamily("farm_worker_running", "Attempts that run there.", labels=labels)
        for name, line in board.workers.items():
            up.add_metric([run, name], float(line.state == "up"))
            slots.add_metric([run, name], line.slots)
            running.add_metric([run, name], len(line.running))
        yield from (attempts, up, slots, running)
