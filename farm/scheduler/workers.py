"""Workers: their slots, who is in service, and who is taken out and probed. Pure.

A worker is in service that is up, not drained by order and not taken out. It is taken out after ``max_streak``
failures in a row, while another one in service has none, or another one is expected. Some seconds later it is probed,
and again after twice as long each time the probe fails; readmitted, it is on probation: its next failure takes it out
again, and the wait goes on doubling until it has done a task.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush

FIRST_PROBE = 5.0
"""Seconds from being taken out to the first probe."""
LAST_PROBE = 300.0
"""Seconds between probes at most."""
HOPE = 15.0
"""Seconds for which a worker is expected that connects, or was lost."""


@dataclass(slots=True)
class Worker:
    slots: int = 0
    free: int = 0
    up: bool = False
    out: bool = False
    """Taken out of service."""
    drained: bool = False
    streak: int = 0
    """Failures in a row."""
    wait: float = 0.0
    """Seconds from being taken out to its latest probe; 0 since it has done a task."""
    probe_at: float | None = None
    epoch: int = 0
    """How often it was lost."""
    running: dict[str, float | None] = field(default_factory=dict)
    """Tasks with an attempt here, living or lost, and when it began; None where that does not count."""

    @property
    def in_service(self) -> bool:
        return self.up and not self.out and not self.drained

    def clear(self) -> list[str]:
        """Forget what runs here, and return it."""
        tasks = list(self.running)
        self.running.clear()
        return tasks


class Workers:
    def __init__(self, max_streak: int) -> None:
        self._max_streak = max_streak
        self._known: dict[str, Worker] = {}
        self.idle: dict[str, None] = {}
        """Workers in service with a free slot; the one that waits longest comes first."""
        self.serving = 0
        """Workers in service."""
        self._spotless = 0
        """Those of them without a failure in a row."""
        self._fences: list[tuple[float, str, int]] = []
        self._probes: list[tuple[float, str]] = []
        self._expected: set[str] = set()
        self._hope = 0.0
        """Until when."""

    def __getitem__(self, name: str) -> Worker:
        return self._known[name]

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def items(self) -> Iterator[tuple[str, Worker]]:
        yield from self._known.items()

    def expect(self, name: str, now: float) -> None:
        """It is about to come up, as far as one can tell."""
        self._expected.add(name)
        self._hope = now + HOPE

    def hopes_end(self, now: float) -> bool:
        """Whether nobody is expected any more from now on."""
        if not self._expected or now < self._hope:
            return False
        self._expected.clear()
        return True

    def is_alone(self, name: str) -> bool:
        """Whether nobody else is in service, or expected."""
        return self.serving == 1 and self._known[name].in_service and not self._expected

    def up(self, name: str, slots: int, now: float) -> None:
        """Nothing runs there."""
        self._expected.discard(name)
        worker = self._known.setdefault(name, Worker())
        worker.slots = worker.free = slots
        if worker.out:
            self._probe_at(name, worker, now)
        self._change(name, up=True)

    def lost(self, name: str, until: float, now: float) -> bool:
        """Whether that was news."""
        worker = self._known.get(name)
        if worker is None or not worker.up:
            return False
        self._change(name, up=False)
        self.expect(name, now)
        worker.epoch += 1
        if worker.running:
            heappush(self._fences, (until, name, worker.epoch))
        return True

    def may_run(self, name: str, task: str, until: float) -> None:
        """A former head's attempt may run there."""
        worker = self._known.setdefault(name, Worker())
        if not worker.running:
            heappush(self._fences, (until, name, worker.epoch))
        worker.running[task] = None

    def drain(self, name: str, *, drained: bool) -> None:
        self._change(name, drained=drained)

    def occupy(self, name: str, task: str, now: float) -> None:
        worker = self._known[name]
        del self.idle[name]
        worker.free -= 1
        if worker.free:
            self.idle[name] = None
        worker.running[task] = now

    def release(self, name: str, task: str) -> None:
        worker = self._known[name]
        del worker.running[task]
        worker.free += 1
        if worker.in_service:
            self.idle[name] = None

    def judge(self, name: str, now: float, *, ok: bool) -> int:
        """Count failures in a row. Returns their number where the worker is taken out for them, else 0."""
        worker = self._known[name]
        before, worker.streak = worker.streak, 0 if ok else worker.streak + 1
        if ok:
            worker.wait = 0.0
        if not worker.in_service:
            return 0
        self._spotless += (worker.streak == 0) - (before == 0)
        if worker.streak < self._max_streak or not (self._spotless or self._expected):
            return 0
        self._change(name, out=True)
        self._put_off(name, worker, now)
        return worker.streak

    def probed(self, name: str, now: float, *, ok: bool) -> bool:
        """Whether the worker is readmitted."""
        worker = self._known[name]
        if not worker.out:
            return False
        if ok and worker.up:
            self._readmit(name, worker)
            return True
        if worker.probe_at is None:
            self._put_off(name, worker, now)
        return False

    def readmit_the_last(self) -> list[str]:
        """With nobody in service or expected, those that were taken out are better than none. Returns their names."""
        if self.serving or self._expected:
            return []
        names = [name for name, worker in self._known.items() if worker.up and worker.out and not worker.drained]
        for name in names:
            self._readmit(name, self._known[name])
        return names

    def next_due(self) -> float | None:
        if not (self._fences or self._probes or self._expected):
            return None
        dates = [heap[0][0] for heap in (self._fences, self._probes) if heap]
        return min([*dates, self._hope] if self._expected else dates)

    def fences_lifted(self, now: float) -> Iterator[str]:
        """Lost workers on which nothing can run any more."""
        while self._fences and self._fences[0][0] <= now:
            _, name, epoch = heappop(self._fences)
            worker = self._known[name]
            if not worker.up and worker.epoch == epoch:
                yield name

    def probes_due(self, now: float) -> Iterator[str]:
        while self._probes and self._probes[0][0] <= now:
            at, name = heappop(self._probes)
            worker = self._known[name]
            if worker.probe_at == at:
                worker.probe_at = None
                if worker.out and worker.up:
                    yield name

    def _put_off(self, name: str, worker: Worker, now: float) -> None:
        worker.wait = min(2 * worker.wait or FIRST_PROBE, LAST_PROBE)
        self._probe_at(name, worker, now + worker.wait)

    def _probe_at(self, name: str, worker: Worker, at: float) -> None:
        worker.probe_at = at
        heappush(self._probes, (at, name))

    def _readmit(self, name: str, worker: Worker) -> None:
        worker.streak = self._max_streak - 1
        self._change(name, out=False)

    def _change(
        self, name: str, *, up: bool | None = None, out: bool | None = None, drained: bool | None = None
    ) -> None:
        worker = self._known[name]
        before = worker.in_service
        worker.up = worker.up if up is None else up
        worker.out = worker.out if out is None else out
        worker.drained = worker.drained if drained is None else drained
        change = worker.in_service - before
        self.serving += change
        self._spotless += change * (worker.streak == 0)
        if worker.in_service and worker.free:
            self.idle.setdefault(name)
        else:
            self.idle.pop(name, None)
