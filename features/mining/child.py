"""The process in which an astronomer's function runs: ``python -m features.mining.child``, started by ``guard``.

It gets batches and answers with tables. What the function prints goes elsewhere than its answers, what it allocates is
limited, and an alarm ends what takes too long; where that does not help, the other side ends the process.
"""

import json
import mmap
import os
import resource
import signal
import struct
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from features.curves import LightCurves
from features.errors import InputError
from features.mining import script, table
from features.mining.apply import Applier
from features.mining.errors import LateError
from features.mining.job import Limits

NOW = struct.Struct("qqd")
"""Which objects (from, to) the function has, and since when on the monotonic clock; 0.0: none."""


class Watch:
    """Says to the other side what the function is given, sets the alarm, and holds it to its memory meanwhile.

    What it yields becomes a table outside of that: the libraries that make one do not all survive an allocation that
    fails.
    """

    def __init__(self, shared: mmap.mmap, limits: Limits) -> None:
        self._shared, self._seconds = shared, limits.seconds
        self._most = _private() + limits.memory
        signal.signal(signal.SIGALRM, self._ring)

    def __call__(self, low: int, high: int) -> "Watch":
        NOW.pack_into(self._shared, 0, low, high, time.monotonic())
        return self

    def __enter__(self) -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (self._most, resource.RLIM_INFINITY))
        signal.setitimer(signal.ITIMER_REAL, self._seconds)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        NOW.pack_into(self._shared, 0, 0, 0, 0.0)

    def _ring(self, _number: int, _frame: FrameType | None) -> None:
        raise LateError(f"it took more than {self._seconds:g} s")


def curves_of(told: tuple[Any, ...]) -> LightCurves:
    """What ``guard.told_of`` made of a batch."""
    object_id, start, columns, others = told
    return LightCurves(object_id, start, columns, others={name: curves_of(each) for name, each in others.items()})


def _private() -> int:
    """Bytes of private memory."""
    status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmData"].split()[0]) * 1024


def _serve(pipe: Connection, shared: mmap.mmap, asked: dict[str, Any]) -> None:
    limits = Limits(**asked["limits"])
    path = Path(asked["script"])
    packages = Path(asked["packages"]) if asked["packages"] else None
    try:
        miner = script.load(path, asked["function"], packages, asked["digest"])
        types = asked["schema"] or miner.schema
        dtype = np.dtype(asked["key_dtype"])
        into = table.schema(asked["key"], dtype, types) if types is not None else None
    except InputError as error:
        pipe.send({"error": str(error)})
        return
    pipe.send({"columns": miner.columns, "each": miner.each})
    applier = Applier(miner, path, asked["key"], Watch(shared, limits), into, asked["until"])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    own = os.getpid()
    while True:
        try:
            told = pipe.recv()
        except EOFError:
            return
        begun = time.perf_counter()
        try:
            applied = applier(curves_of(told))
            rows = table.packed(applied.rows) if applied.rows is not None else None
        except InputError as error:
            pipe.send({"error": str(error)})
            return
        if os.getpid() != own:  # the function forked, and this is the copy
            os._exit(1)
        seconds = time.perf_counter() - begun
        pipe.send({"rows": rows, "kinds": applied.kinds, "failed": applied.failed, "given": applied.given,
                   "seconds": seconds})  # fmt: skip


def main() -> None:
    pipe, shared = (int(each) for each in sys.argv[1:3])
    os.set_inheritable(pipe, False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _serve(Connection(pipe), mmap.mmap(shared, NOW.size), json.loads(sys.argv[3]))


if __name__ == "__main__":
    main()
