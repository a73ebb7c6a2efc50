"""What was measured by workers and processes: speed-up, efficiency, and the seed's figures beside them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from farm.plot import Series, lines

EVERY_OBJECT = 3_700_000
SEED_OBJECTS = 128_000
SEED = {
    (1, 1): 7828, (2, 1): 3615, (4, 1): 2735,
    (1, 2): 3939, (2, 2): 1853, (4, 2): 1089,
    (1, 4): 2067, (2, 4): 927, (4, 4): 473,
    (1, 8): 1066, (2, 8): 486, (4, 8): 358,
}  # fmt: skip
"""The seed's seconds for 128,000 objects, by (workers, processes a worker)."""


@dataclass(frozen=True, order=True)
class Setting:
    workers: int
    processes: int
    """A worker."""

    @property
    def slots(self) -> int:
        return self.workers * self.processes


@dataclass(frozen=True)
class Figure:
    """One run."""

    setting: Setting
    seconds: float
    done: int
    """Objects, or tasks."""
    ideal: float | None = None
    """Seconds that it would take without the farm, where that is known."""
    base: "Figure | None" = None
    """What it is compared with."""

    @property
    def rate(self) -> float:
        """Objects, or tasks, a second."""
        return self.done / self.seconds

    @property
    def speed_up(self) -> float:
        return self.rate / (self.base or self).rate

    @property
    def efficiency(self) -> float:
        """Of the ideal where it is known; else the speed-up over that of the slots."""
        if self.ideal is not None:
            return self.ideal / self.seconds
        return self.speed_up * (self.base or self).setting.slots / self.setting.slots

    @property
    def every_object(self) -> float:
        """Seconds for 3,700,000 objects at this rate."""
        return EVERY_OBJECT / self.rate

    def as_json(self) -> dict[str, Any]:
        setting = self.setting
        told: dict[str, Any] = {
            "workers": setting.workers,
            "processes": setting.processes,
            "seconds": round(self.seconds, 2),
            "speed_up": round(self.speed_up, 2),
            "efficiency": round(self.efficiency, 3),
        }
        if self.ideal is not None:
            return told | {"tasks": self.done, "ideal_seconds": self.ideal}
        told |= {"objects": self.done, "objects_per_second": round(self.rate, 1)}
        told |= {"seconds_for_3700000": round(self.every_object)}
        if seed := SEED.get((setting.workers, setting.processes)):
            told["seed"] = {"seconds_for_128000": seed, "speed_up": round(SEED[1, 1] / seed, 2)}
            told["times_the_seed"] = round(self.rate * seed / SEED_OBJECTS, 1)
        return told


@dataclass(frozen=True)
class Bench:
    """What was measured, how, when and where."""

    what: Literal["rebuild", "waiting"]
    method: str
    when: str
    machine: Mapping[str, Any]
    """The head."""
    workers: Sequence[Mapping[str, Any]]
    figures: Sequence[Figure]

    def as_json(self) -> dict[str, Any]:
        told = {name: getattr(self, name) for name in ("what", "when", "method", "machine", "workers")}
        return {"schema": 1, **told, "figures": [each.as_json() for each in self.figures]}


def plot(figures: Sequence[Figure]) -> str:
    """An SVG: seconds by slots, a line a number of workers, with the seed's lines or the ideal."""
    if figures[0].ideal is not None:
        title = f"{figures[0].done // figures[0].setting.slots} waiting tasks a slot"
        return lines(title, "slots (workers x processes)", "tasks a second", _waiting(figures))
    title = f"Features of {figures[0].done:,} objects, and the seed's of 128,000"
    return lines(title, "processes (of all workers)", "objects a second", _rebuilding(figures))


def _waiting(figures: Sequence[Figure]) -> list[Series]:
    slots = sorted({each.setting.slots: each.done / each.ideal for each in figures if each.ideal}.items())
    return [*_by_workers(figures), Series("ideal", slots, 5, dashed=True)]


def _rebuilding(figures: Sequence[Figure]) -> list[Series]:
    ours = _by_workers(figures)
    seed = []
    for number, workers in enumerate(sorted({workers for workers, _ in SEED})):
        points = [(each * slots, SEED_OBJECTS / seconds) for (each, slots), seconds in SEED.items() if each == workers]
        seed.append(Series(f"seed, {_workers(workers)}", sorted(points), number, dashed=True))
    return [*ours, *seed]


def _by_workers(figures: Sequence[Figure]) -> list[Series]:
    found = []
    for number, workers in enumerate(sorted({each.setting.workers for each in figures})):
        mine = [(each.setting.slots, each.rate) for each in figures if each.setting.workers == workers]
        found.append(Series(_workers(workers), sorted(mine), number))
    return found


def _workers(number: int) -> str:
    return "1 worker" if number == 1 else f"{number} workers"
