"""Has a function applied in a process of its own, and outlives whatever it does there."""

import contextlib
import json
import mmap
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from multiprocessing import connection
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa

from features.curves import LightCurves
from features.errors import InputError
from features.mining import processes, table
from features.mining.child import NOW, SPOILT
from features.mining.errors import Kind
from features.mining.job import Job

GRACE = 2.0
"""Seconds after the alarm until the process itself is ended."""
START = 120.0
"""Seconds that a script may take to be imported."""
PRINTED = 1 << 20
"""Bytes of what the function prints that are kept."""
_SPOILT = "it has closed the pipe of its process's answers, or written into it"
_ENVIRONMENT = {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL", "RAYON")} | {
    "ARROW_DEFAULT_MEMORY_POOL": "system"
}
"""One thread each, as a worker runs as many functions as it has slots; Arrow's own allocator takes a GiB in advance."""


@dataclass(frozen=True)
class Reply:
    rows: list[pa.Table]
    """Of the guard's schema; where there is none yet, each of types of its own."""
    kinds: list[Kind]
    failed: int
    """Objects."""
    given: int
    """Objects that the function was given."""
    seconds: float
    """That the function took, and what it yielded to become a table."""


class _GoneError(Exception):
    """The process is no more, or no more to be used."""


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
    schema: pa.Schema | None = None
    """Of what it yields: the job's or the script's own; else to be set once it is inferred."""
    _waiting: deque[LightCurves] = field(default_factory=deque)
    """Those that are not answered yet; the first one is being worked at."""
    _sent: bool = False
    _ends: int = 0
    """Times in a row that the process ended without having been given anything."""
    _keeper: processes.Keeper | None = None
    _is_spoilt: bool = False
    """Whether nothing more can be read from its pipe."""

    def __enter__(self) -> "Guard":
        """Raises InputError where the script cannot be used."""
        if self.job.schema is not None:
            self.schema = table.schema(self.key, self.key_dtype, self.job.schema)
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    @property
    def script(self) -> Path:
        return self.folder / self.job.script

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
            spent = reply.pop("spent")
            made = Reply(**{**reply, "rows": [table.unpacked(rows) for rows in reply["rows"]]})
            if spent is None:
                self._waiting.popleft()
                self._sent, self._ends = False, 0
            else:
                self._renew()
                self._split(*spent)
            yield made

    def _give(self) -> None:
        """Raises nothing: that the process is gone shows when its answer is awaited."""
        NOW.pack_into(self._now, 0, 0, 0, 0.0)
        with contextlib.suppress(OSError):
            self._pipe.send((told_of(self._waiting[0]), self.schema, self.until))
        self._sent = True

    def _await(self) -> Any:
        while not (answer := self._answer(processes.LOOK)):
            since = self._since()
            if since and time.monotonic() - since > self.job.limits.seconds + GRACE:
                raise _GoneError(f"it took more than {self.job.limits.seconds:g} s, and heard no alarm")
        return answer

    def _since(self) -> float:
        """Since when the function has what it has; 0.0: it has nothing."""
        return float(NOW.unpack_from(self._now)[2])

    def _answer(self, seconds: float) -> Any:
        """None where there is none within these seconds. Raises _GoneError where none will come."""
        found = connection.wait([self._exit] if self._is_spoilt else [self._exit, self._pipe], seconds)
        if self._pipe in found:
            with contextlib.suppress(EOFError, OSError):
                if self._is_marked():
                    return self._pipe.recv()
            self._is_spoilt = True
            found = connection.wait([self._exit], GRACE)
        if self._exit in found:
            raise _GoneError(self._how())
        if self._is_spoilt and not self._since():
            raise _GoneError(_SPOILT)
        return None

    def _is_marked(self) -> bool:
        """Whether an answer is the process's own; what the function has written stays where it is."""
        size = len(self._mark)
        if self._socket.recv(size, socket.MSG_PEEK | socket.MSG_DONTWAIT) != self._mark:
            return False
        return self._socket.recv(size) == self._mark

    def _how(self) -> str:
        if self._keeper is not None and self._keeper.has_ended_it:
            return f"it took more than {self.job.limits.memory >> 20} MiB, with all that it has started"
        ended = os.waitid(os.P_PIDFD, self._exit, os.WEXITED | os.WNOWAIT)
        assert ended is not None
        if ended.si_code != os.CLD_EXITED:
            return f"the process of the function ended with signal {signal.Signals(ended.si_status).name}"
        return _SPOILT if ended.si_status == SPOILT else (
            f"the process of the function ended with exit code {ended.si_status}"
        )  # fmt: skip

    def _blame(self, why: str) -> Iterator[Reply]:
        """The object that the function had is at fault; of several, each half is tried. Nothing else is lost."""
        low, high, since = NOW.unpack_from(self._now)
        name = str(self._waiting[0].object_id[low])
        self._renew()
        if not since:
            self._ends += 1
            if self._ends > 1:
                raise InputError(
                    f"{self.job.script} cannot be used: {why}, twice while {self.job.function} had no light curve:"
                    " look at what it starts, and at the types of what it yields"
                )
            return
        is_one = high - low == 1
        self._split(high if is_one else low, high, keep=low)
        if is_one:
            yield Reply([], [Kind(f"{why}, {self.job.script}", 1, (name,), why)], 1, 1, 0.0)

    def _renew(self) -> None:
        """In place of the process a fresh one, which has been given nothing."""
        self._end()
        self._start()
        self._sent = False

    def _split(self, low: int, high: int, keep: int = 0) -> None:
        """Of the first batch, its first ``keep`` objects, each half of those from ``low`` to ``high``, and the rest."""
        curves = self._waiting.popleft()
        middle = (low + high) // 2
        pieces = [(0, keep), (low, middle), (middle, high), (high, len(curves))]
        self._waiting.extendleft(curves.take(slice(*piece)) for piece in reversed(pieces) if piece[0] < piece[1])
        if self.until is not None and time.monotonic() > self.until:
            self._waiting.clear()

    def _start(self) -> None:
        self._socket, theirs = socket.socketpair()
        self._mark = secrets.token_bytes(16)
        self._is_spoilt = False
        shared = os.memfd_create("farm-mining", os.MFD_ALLOW_SEALING)
        os.ftruncate(shared, NOW.size)
        self._now = mmap.mmap(shared, NOW.size)
        packages = self.folder / "packages"
        asked = {
            "script": str(self.script),
            "packages": str(packages) if packages.is_dir() else None,
            "function": self.job.function,
            "digest": self.job.digest,
            "limits": asdict(self.job.limits),
            "key": self.key,
            "key_dtype": self.key_dtype.str,
            "mark": self._mark.hex(),
        }
        words = [sys.executable, "-m", "features.mining.child", str(theirs.fileno()), str(shared)]
        self._process = subprocess.Popen(
            [*words, json.dumps(asked)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(theirs.fileno(), shared),
            env=os.environ | _ENVIRONMENT,
            start_new_session=True,
        )
        theirs.close()
        os.close(shared)
        self._pipe: Pipe = Pipe(os.dup(self._socket.fileno()))
        self._exit: int = os.pidfd_open(self._process.pid)
        assert self._process.stdout is not None
        threading.Thread(target=_keep, args=(self._process.stdout,), daemon=True).start()
        self._greet()

    def _greet(self) -> None:
        try:
            ready = self._answer(START)
        except _GoneError:
            ready = {"error": f"the script {self.job.script} ends its process when it is imported"}
        if not ready:
            ready = {"error": f"the script {self.job.script} is not imported within {START:g} s"}
        if "error" in ready:
            self._end()
            raise InputError(ready["error"])
        self.columns = tuple(ready["columns"])
        self._keeper = processes.Keeper(self._process.pid, ready["most"], lambda: self._since() > 0)
        self.schema = ready["schema"] if self.schema is None else self.schema

    def _end(self) -> None:
        """Of the process, and of all that it has started. It ends by itself where it only waits for a batch."""
        if self._process.returncode is not None:
            return
        if self._keeper is not None:
            self._keeper.stop()
            self._keeper = None
        pid = self._process.pid
        processes.kill(processes.tree(pid)[0 if self._waiting else 1 :])
        self._pipe.close()
        self._socket.close()
        if not connection.wait([self._exit], GRACE):
            processes.kill([pid])
        connection.wait([self._exit])
        processes.kill_group(pid)
        self._process.wait()
        os.close(self._exit)


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
