"""Attempts as pictures and a table hold them: slots over time, the rate, durations; small for many tasks, too. Pure."""

import json
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count, groupby
from math import log10
from typing import Any

import numpy as np

from farm.history import Attempt

BINS = 720
"""Columns of the timeline."""
RATES = 90
"""Bars of the rate, at most."""
DURATIONS = 28
LINES = 160
"""More slots than these are drawn as one line a worker, and no more workers than these are drawn."""
ROWS = 10_000
"""Attempts that the table holds."""
_BYTES = 430_000
"""Of the table as the page has it, at most."""
_NUMBERS = 32
"""Bytes of a row beside its names, at most."""
_JITTER = 0.005
"""Seconds by which an attempt may seem to begin before the one before it in its slot ended."""
_IDLE, _DONE, _AGAIN, _RUNNING, _LOST, _FAILED = range(6)
_LETTERS = "_abrlf"
STATES = ("accepted", "exited", "sent", "lost", "missed", "killed", "refused", "failed")
GOOD = ("accepted", "exited")
_CODES = {"sent": _RUNNING, "lost": _LOST, "missed": _LOST, "killed": _LOST, "refused": _FAILED, "failed": _FAILED}


@dataclass
class _Lane:
    """A slot."""

    number: int
    guessed: float = 0.0
    """When the last attempt ended of those whose slot nobody told."""
    attempts: int = 0
    drawn: bytearray = field(default_factory=lambda: bytearray(BINS))


@dataclass
class Sheet:
    """Attempts in the order of their starts; ``begun`` and ``seconds`` are those of the run."""

    begun: float
    seconds: float
    lanes: dict[str, dict[int, _Lane]] = field(default_factory=dict)
    busy: dict[str, float] = field(default_factory=dict)
    """Seconds of all attempts, by worker."""
    walls: "array[float]" = field(default_factory=lambda: array("d"))
    _good: list[tuple[Any, ...]] = field(default_factory=list)
    _bad: list[tuple[Any, ...]] = field(default_factory=list)
    """Rows of the table, ``ROWS`` of either kind at most."""
    _all: int = 0
    _all_bad: int = 0
    _unplaced: list[Attempt] = field(default_factory=list)

    def add(self, each: Attempt) -> None:
        """Take an attempt; one whose slot nobody told waits for ``place``."""
        if each.slot is None:
            self._unplaced.append(each)
        else:
            self._put(each, self.lanes.setdefault(each.worker, {}).setdefault(each.slot, _Lane(each.slot)))

    def place(self) -> None:
        """Put attempts that were lost, that run, or that are of an old journal, where their worker had a slot free."""
        for each in self._unplaced:
            start, end = self._span(each)
            lane = self._free(self.lanes.setdefault(each.worker, {}), start, end)
            lane.guessed = end
            self._put(each, lane)
        self._unplaced.clear()

    def _span(self, each: Attempt) -> tuple[float, float]:
        start = max(0.0, each.started - self.begun)
        return start, max(start, (each.ended or self.begun + self.seconds) - self.begun)

    def _put(self, each: Attempt, lane: _Lane) -> None:
        start, end = self._span(each)
        lane.attempts += 1
        self._draw(lane, start, end, each.state)
        self.busy[each.worker] = self.busy.get(each.worker, 0.0) + end - start
        good = each.state in GOOD
        if good and each.wall is not None:
            self.walls.append(each.wall)
        self._all += 1
        self._all_bad += not good
        rows = self._good if good else self._bad
        if len(rows) < ROWS:
            wall, reason = each.wall if each.wall is not None else end - start, (each.reason or "")[:200]
            rows.append((each.task[:80], each.attempt, each.worker, lane.number, each.state, start, wall, reason))

    def _free(self, lanes: dict[int, _Lane], start: float, end: float) -> _Lane:
        """The first slot in which nothing else went on, its first and last column left aside; else a new one."""
        columns = self._columns(start, end)
        for _, lane in sorted(lanes.items()):
            if lane.guessed <= start + _JITTER and not any(lane.drawn[columns.start + 1 : columns.stop - 1]):
                return lane
        number = next(number for number in count(1) if number not in lanes)
        return lanes.setdefault(number, _Lane(number))

    def _columns(self, start: float, end: float) -> range:
        first = min(BINS - 1, int(start / self.seconds * BINS))
        return range(first, min(BINS, max(first + 1, int(end / self.seconds * BINS))))

    def _draw(self, lane: _Lane, start: float, end: float, state: str) -> None:
        code = _CODES.get(state, _AGAIN if lane.attempts % 2 else _DONE)
        for at in self._columns(start, end):
            if code >= lane.drawn[at] or (code == _DONE and lane.drawn[at] == _AGAIN):
                lane.drawn[at] = code

    def timeline(self) -> dict[str, Any]:
        """Lines of runs of letters with their lengths: _ idle, a and b in turn done, r running, l lost, f failed."""
        single = sum(map(len, self.lanes.values())) <= LINES
        lines = []
        for worker, lanes in sorted(self.lanes.items()):
            if single:
                lines += [(worker, number, _runs(lane.drawn)) for number, lane in sorted(lanes.items())]
            else:
                together = np.max(np.array([list(lane.drawn) for lane in lanes.values()], dtype=np.uint8), axis=0)
                lines.append((worker, 0, _runs(bytes(together))))
        return {
            "seconds": round(self.seconds, 2),
            "bins": BINS,
            "lines": lines[:LINES],
            "more": max(0, len(lines) - LINES),
            "slots": single,
        }

    def durations(self) -> dict[str, Any] | None:
        """Seconds of the commands that ended well, in bins that grow by a factor; None where there is none."""
        if not self.walls:
            return None
        walls = np.maximum(np.frombuffer(self.walls), 1e-3)
        low, high = float(walls.min()), max(float(walls.max()), float(walls.min()) * 1.2)
        edges = np.geomspace(low, high, DURATIONS + 1)
        places = np.floor((np.log10(walls) - log10(low)) / (log10(high) - log10(low)) * DURATIONS)
        counts = np.bincount(places.astype(np.int64).clip(0, DURATIONS - 1), minlength=DURATIONS)
        median, most = (float(each) for each in np.quantile(walls, (0.5, 0.95)))
        return {
            "edges": [round(float(each), 4) for each in edges],
            "counts": counts.tolist(),
            "median": median,
            "p95": most,
            "longest": float(walls.max()),
        }

    def table(self) -> dict[str, Any]:
        """The rows by column, in the order of their starts; workers, states and reasons as numbers."""
        rows = sorted(self._chosen(), key=lambda row: row[5])
        workers, reasons = sorted(self.lanes), list(dict.fromkeys(row[7] for row in rows))
        place, state, why = ({name: at for at, name in enumerate(names)} for names in (workers, STATES, reasons))
        columns = list(zip(*rows, strict=True)) or [()] * 8
        return {
            "workers": workers,
            "states": STATES,
            "task": columns[0],
            "attempt": columns[1],
            "worker": [place[each] for each in columns[2]],
            "slot": columns[3],
            "state": [state[each] for each in columns[4]],
            "start": [round(each, 2) for each in columns[5]],
            "wall": [round(each, 3) for each in columns[6]],
            "why": [why[each] for each in columns[7]],
            "reasons": reasons,
            "left_out": self._all - len(rows),
            "left_out_bad": self._all_bad - sum(row[4] not in GOOD for row in rows),
        }

    def _chosen(self) -> list[tuple[Any, ...]]:
        """What has room: half of it for what did not end well, the rest for what did, then for more of the first."""
        chosen: list[tuple[Any, ...]] = []
        reasons, used = set[str](), 0
        good, bad = iter(self._good), iter(self._bad)
        for rows, share in ((bad, 0.5), (good, 1), (bad, 1)):
            while len(chosen) < share * ROWS and (row := next(rows, None)):
                used += _NUMBERS + _encoded(row[0]) + (0 if row[7] in reasons else _encoded(row[7]))
                if used > share * _BYTES:
                    break
                reasons.add(row[7])
                chosen.append(row)
        return chosen


def _encoded(text: str) -> int:
    """Bytes of a text in the page's JSON, where what means something in HTML is written as \\u003c."""
    return len(json.dumps(text, ensure_ascii=False).encode(errors="replace")) + 5 * sum(map(text.count, "<>&'")) + 1


def rates(done: Sequence[tuple[float, int]], begun: float, seconds: float) -> list[float]:
    """What was done a second, in equal parts of the run; ``done`` has times since 1970, and how much."""
    bars = min(RATES, max(10, len(done) // 4))
    counts = np.zeros(bars)
    for at, number in done:
        counts[min(bars - 1, max(0, int((at - begun) / seconds * bars)))] += number
    return [round(float(each), 4) for each in counts * bars / seconds]


def _runs(codes: bytes | bytearray) -> str:
    return "".join(f"{_LETTERS[code]}{len(list(run))}" for code, run in groupby(codes))
