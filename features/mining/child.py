"""The process in which an astronomer's function runs: ``python -m features.mining.child``, started by ``guard``.

It gets batches and answers with tables. What the function prints goes elsewhere than its answers, what it allocates is
limited, and an alarm ends what takes too long; where that does not help, the other side ends the process.
"""

import fcntl
import json
import mmap
import os
import resource
import signal
import struct
import sys
import termios
import time
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from features.curves import LightCurves
from features.errors import InputError
from features.mining import processes, script, table
from features.mining.apply import Applier
from features.mining.errors import LateError
from features.mining.job import Limits

NOW = struct.Struct("qqd")
"""Which objects (from, to) the function has, and since when on the monotonic clock; 0.0: none."""
_F_SEAL_FUTURE_WRITE = 0x10
SPOILT = 86
"""Exit code where the function has closed the pipe of the answers, or written into it."""


class Watch:
    """Says to the other side what the function is given, sets the alarm, and holds it to its memory meanwhile.

    What it yields becomes a table outside of that: the libraries that make one do not all survive an allocation that
    fails. Ends the process where the function has forked and this is the copy, or where the pipe is no more its own.
    """

    def __init__(self, shared: mmap.mmap, pipe: int, limits: Limits) -> None:
        self._shared, self._pipe, self._seconds = shared, pipe, limits.seconds
        self._own = os.getpid()
        self.most = processes.private() + limits.memory
        """Bytes that the process may have."""
        signal.signal(signal.SIGALRM, self._ring)

    def __call__(self, low: int, high: int) -> "Watch":
        NOW.pack_into(self._shared, 0, low, high, time.monotonic())
        return self

    def __enter__(self) -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (self.most, resource.RLIM_INFINITY))
        signal.setitimer(signal.ITIMER_REAL, self._seconds)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        if os.getpid() != self._own:
            os._exit(1)
        if not self._is_silent():
            os._exit(SPOILT)
        NOW.pack_into(self._shared, 0, 0, 0, 0.0)

    def _is_silent(self) -> bool:
        """Whether the pipe is there, and nothing in it that the other side has not read."""
        try:
            return fcntl.ioctl(self._pipe, termios.TIOCOUTQ, bytes(4)) == bytes(4)
        except OSError:
            return False

    def _ring(self, _number: int, _frame: FrameType | None) -> None:
        raise LateError(f"it took more than {self._seconds:g} s")


def curves_of(told: tuple[Any, ...]) -> LightCurves:
    """What ``guard.told_of`` made of a batch."""
    object_id, start, columns, others = told
    return LightCurves(object_id, start, columns, others={name: curves_of(each) for name, each in others.items()})


class Answers:
    """The pipe to the other side. Each answer begins with a mark: what the function writes into the pipe has none."""

    def __init__(self, pipe: int, mark: bytes) -> None:
        self.file, self._mark = pipe, mark
        self._pipe = Connection(pipe)

    def send(self, answer: object) -> None:
        os.write(self.file, self._mark)
        self._pipe.send(answer)

    def asked(self) -> Any:
        """The next batch. Raises EOFError at the end."""
        return self._pipe.recv()


def _serve(answers: Answers, shared: mmap.mmap, asked: dict[str, Any]) -> None:
    limits = Limits(**asked["limits"])
    path = Path(asked["script"])
    packages = Path(asked["packages"]) if asked["packages"] else None
    try:
        miner = script.load(path, asked["function"], packages, asked["digest"])
        key, dtype = asked["key"], np.dtype(asked["key_dtype"])
        declared = table.schema(key, dtype, miner.schema) if miner.schema is not None else None
    except InputError as error:
        answers.send({"error": str(error)})
        return
    watch = Watch(shared, answers.file, limits)
    answers.send({"columns": miner.columns, "schema": declared, "most": watch.most})
    applier = Applier(miner, path, key, watch)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while True:
        try:
            told, schema, applier.until = answers.asked()
        except EOFError:
            return
        begun = time.perf_counter()
        applied = applier(curves_of(told), schema)
        rows = [table.packed(each) for each in applied.rows]
        answers.send({"rows": rows, "kinds": applied.kinds, "failed": applied.failed, "given": applied.given,
                      "seconds": time.perf_counter() - begun, "spent": applied.spent})  # fmt: skip


def _shared(file: int) -> mmap.mmap:
    """The memory that both sides see. From now on nobody can write into it as into a file, or cut it."""
    made = mmap.mmap(file, NOW.size)
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | _F_SEAL_FUTURE_WRITE)
    os.close(file)
    return made


def main() -> None:
    pipe, shared = (int(each) for each in sys.argv[1:3])
    asked = json.loads(sys.argv[3])
    os.set_inheritable(pipe, False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    processes.keep_descendants()
    _serve(Answers(pipe, bytes.fromhex(asked["mark"])), _shared(shared), asked)


if __name__ == "__main__":
    main()
