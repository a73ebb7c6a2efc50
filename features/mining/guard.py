"""Has a function applied in a process of its own, and outlives whatever it does there."""

import contextlib
import json
import mmap
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from features.curves import LightCurves
from features.errors import InputError
from features.mining.child import NOW
from features.mining.errors import Kind
from features.mining.job import Job

GRACE = 2.0
"""Seconds after the alarm until the process itself is ended."""
START = 120.0
"""Seconds that a script may take to be imported."""
PRINTED = 1 << 20
"""Bytes of what the function prints that are kept."""
_LOOK = 0.1
_ENVIRONMENT = {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL", "RAYON")} | {
    "ARROW_DEFAULT_MEMORY_POOL": "system"
}
"""One thread each, as a worker runs as many functions as it has slots; Arrow's own allocator takes a GiB in advance."""


@dataclass(frozen=True)
class Reply:
    rows: bytes | None
    """An Arrow stream; None where there was nothing to infer a schema from."""
    kinds: list[Kind]
    failed: int
    """Objects."""
    given: int
    """Objects that the function was given."""
    seconds: float
    """That the function took, and what it yielded to become a table."""


class _GoneError(Exception):
    """The process is no more."""


@dataclass
class Guard:
    """``send`` a batch, ``replies`` come one batch later: the function works while the next batch is read."""

    job: Job
    folder: Path
    """Where the script is, and ``packages`` if it has any."""
    key: str
    key_dtype: np.dtype[Any]
    until: float | None = None
    """On the monotonic clock: from then on no object is begun, and what was sent is answered without them."""
    columns: tuple[str, ...] = ()
    """What the function asks for."""
    _waiting: deque[LightCurves] = field(default_factory=deque)
    """Those that are not answered yet; the first one is being worked at."""
    _sent: bool = False
    _ends: int = 0
    """Times in a row that the process ended without having been given anything."""

    def __enter__(self) -> "Guard":
        """Raises InputError where the script cannot be used."""
        self._shared = os.memfd_create("farm-mining")
        os.ftruncate(self._shared, NOW.size)
        self._now = mmap.mmap(self._shared, NOW.size)
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._now.close()
        os.close(self._shared)

    def send(self, curves: LightCurves) -> Iterator[Reply]:
        """Give it a batch; what came of earlier ones is returned first."""
        yield from self.replies()
        self._waiting.append(curves)
        self._give()

    def replies(self) -> Iterator[Reply]:
        """What comes of all that was sent."""
        while self._waiting:
            try:
                if not self._sent:
                    self._give()
                reply = self._await()
            except _GoneError as error:
                yield from self._blame(str(error))
                continue
            if "error" in reply:
                raise InputError(reply["error"])
            self._waiting.popleft()
            self._sent, self._ends = False, 0
            yield Reply(**reply)

    def _give(self) -> None:
        """Raises nothing: that the process is gone shows when its answer is awaited."""
        NOW.pack_into(self._now, 0, 0, 0, 0.0)
        with contextlib.suppress(OSError):
            self._pipe.send(told_of(self._waiting[0]))
        self._sent = True

    def _await(self) -> Any:
        while not self._pipe.poll(_LOOK):
            _, _, since = NOW.unpack_from(self._now)
            if since and time.monotonic() - since > self.job.limits.seconds + GRACE:
                raise _GoneError(f"it took more than {self.job.limits.seconds:g} s, and heard no alarm")
        try:
            return self._pipe.recv()
        except (EOFError, OSError):
            code = self._process.wait()
            how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            raise _GoneError(f"the process of the function ended with {how}") from None

    def _blame(self, why: str) -> Iterator[Reply]:
        """The object that the function had is at fault; of several, each half is tried. Nothing else is lost."""
        low, high, since = NOW.unpack_from(self._now)
        self._end()
        self._start()
        curves, self._sent = self._waiting[0], False
        if not since:
            self._ends += 1
            if self._ends > 1:
                raise InputError(f"the script cannot be used: {why}, and no light curve had been given to it")
            return
        self._waiting.popleft()
        middle = [(low, high)] if high - low == 1 else [(low, (low + high) // 2), ((low + high) // 2, high)]
        pieces = [(0, low), *(middle if high - low > 1 else ()), (high, len(curves))]
        self._waiting.extendleft(curves.take(slice(*piece)) for piece in reversed(pieces) if piece[0] < piece[1])
        if high - low == 1:
            name = str(curves.object_id[low])
            kind = f"{why}, {self.job.script}"
            yield Reply(None, [Kind(kind, 1, (name,), why)], 1, 1, 0.0)
        if self.until is not None and time.monotonic() > self.until:
            self._waiting.clear()

    def _start(self) -> None:
        ours, theirs = multiprocessing.Pipe()
        asked = {
            "script": str(self.folder / self.job.script),
            "packages": str(self.folder / "packages") if (self.folder / "packages").is_dir() else None,
            "function": self.job.function,
            "digest": self.job.digest,
            "limits": asdict(self.job.limits),
            "schema": self.job.schema,
            "key": self.key,
            "until": self.until,
            "key_dtype": self.key_dtype.str,
        }
        words = [sys.executable, "-m", "features.mining.child", str(theirs.fileno()), str(self._shared)]
        self._process = subprocess.Popen(
            [*words, json.dumps(asked)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(theirs.fileno(), self._shared),
            env=os.environ | _ENVIRONMENT,
        )
        theirs.close()
        self._pipe = ours
        assert self._process.stdout is not None
        threading.Thread(target=_keep, args=(self._process.stdout,), daemon=True).start()
        self._greet()

    def _greet(self) -> None:
        try:
            ready = self._pipe.poll(START) and self._pipe.recv()
        except (EOFError, OSError):
            ready = {"error": f"the script {self.job.script} ends its process when it is imported"}
        if not ready:
            ready = {"error": f"the script {self.job.script} is not imported within {START:g} s"}
        if "error" in ready:
            self._end()
            raise InputError(ready["error"])
        self.columns = tuple(ready["columns"])

    def _end(self) -> None:
        self._pipe.close()
        if self._process.poll() is None and not self._idle():
            self._process.kill()
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _idle(self) -> bool:
        """Whether it only waits for a batch, and ends by itself when the pipe does."""
        return not self._waiting


def told_of(curves: LightCurves) -> tuple[Any, ...]:
    """A batch as it goes to the process, nothing derived with it."""
    others = {name: told_of(each) for name, each in curves.others.items()}
    return curves.object_id, curves.start, dict(curves.columns), others


def _keep(printed: IO[bytes]) -> None:
    """Pass on what the function prints, to standard error: as much as a log should hold."""
    left = PRINTED
    with printed:
        while data := os.read(printed.fileno(), 1 << 16):
            if left > 0:
                sys.stderr.buffer.write(data[:left])
                sys.stderr.buffer.flush()
                left -= len(data)
                if left <= 0:
                    sys.stderr.write(f"\n(the function prints more than {PRINTED >> 20} MiB: the rest is left out)\n")
