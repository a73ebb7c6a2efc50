"""Rebuilds LSST objects of one shape from memory, and prints its own peak: OBJECTS SOURCES FORCED."""

import json
import re
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features import survey
from features.given import Given
from features.rebuild.pages import FIRST_TOKEN, LAST_TOKEN, Page, Query, Range, Request
from features.rebuild.progress import Progress
from features.rebuild.rebuild import Limits, rebuild

LSST = survey("lsst")


class Even:
    """``pages.Reader`` of objects 0, 1, ... that have as many rows each, made when they are asked for."""

    def __init__(self, table: str, objects: int, rows: int) -> None:
        self.others: dict[str, Even] = {}
        self._typed = next(each for each in LSST.tables if each.name == table).typed
        self._names = [name for name in LSST.reads[table] if name != LSST.key.name]
        self._step, self._objects, self._rows = 2**64 // objects, objects, rows

    @property
    def nothing(self) -> dict[str, NDArray[Any]]:
        return {name: np.empty(0, self._typed[name].dtype) for name in self._names}

    def token(self, object_id: int) -> int:
        return FIRST_TOKEN + 1 + object_id * self._step

    def ids(self, tokens: Range) -> list[int]:
        raise AssertionError("no range is narrowed here")

    def holds(self, query: Query) -> bool:
        return self._rows > 0

    def fetch(self, request: Request, deliver: Callable[[Page | Exception], None]) -> None:
        threading.Thread(target=lambda: deliver(self._page(request))).start()

    def _page(self, request: Request) -> Page:
        assert isinstance(request.query, Range)
        low, high = ((bound - FIRST_TOKEN - 1) // self._step + 1 for bound in (request.query.low, request.query.high))
        total = (min(high, self._objects) - low) * self._rows
        begin = int(request.state or b"0")
        row = np.arange(begin, min(total, begin + request.size))
        columns: dict[str, NDArray[Any]] = {}
        for name in self._names:
            dtype = self._typed[name].dtype
            columns[name] = np.full(len(row), "g" if dtype.hasobject else 10, dtype)
        if "midpointMjdTai" in columns:
            columns["midpointMjdTai"] = 61000 + row % self._rows * 0.01
        end = begin + len(row)
        return Page(low + row // self._rows, columns, str(end).encode() if end < total else None)


def main() -> None:
    objects, sources, forced = map(int, sys.argv[1:])
    table = Even("diaSources", objects, sources)
    table.others = {
        "diaForcedSources": Even("diaForcedSources", objects, forced),
        "diaObjects": Even("diaObjects", objects, 1),
    }
    everything = Range(FIRST_TOKEN, LAST_TOKEN)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "t.1.csv")
        done = rebuild(table, LSST, everything, "all", out, Limits(), "ONE", Progress(None), Given(LSST, {}))
    # ru_maxrss would begin with what the process had that started this one
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    print(json.dumps({"objects": done.objects, "peak_mib": int(peak) / 1024}))


if __name__ == "__main__":
    main()
