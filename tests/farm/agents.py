"""A real agent as a local process, talked to over pipes, for tests."""

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from farm.worker.protocol import Message, decode, encode

SECONDS = 30


class LocalAgent:
    """Starts an agent and waits for its hello; ends whatever is left of it at the end."""

    def __init__(self, root: Path, run: str = "run", lease: float = 60, hello: bool = True) -> None:
        words = ["--run", run, "--env", "test", "--root", str(root), "--lease", str(lease), "--grace", "0.3"]
        self.root = root / "runs" / run
        self.process = subprocess.Popen(
            [sys.executable, "-m", "farm.worker.agent", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._text = b""
        self.hello = self.hear("hello") if hello else {}

    def say(self, **message: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(encode(message))
        self.process.stdin.flush()

    def start(self, task: str, command: str, *, attempt: int = 1, timeout: float | None = None, slots: int = 8) -> None:
        told = {"task": task, "attempt": attempt, "mark": f"mark-{task}", "command": command, "timeout": timeout}
        self.say(t="run", **told, slots=slots)

    def run(self, command: str, *, timeout: float | None = None) -> Message:
        """Run one task to its end and return its receipt."""
        self.start("t", command, timeout=timeout)
        return self.hear("end")

    def hear(self, kind: str) -> Message:
        """The next message of that kind."""
        while True:
            message = self._next()
            if message["t"] == kind:
                return message

    def _next(self) -> Message:
        assert self.process.stdout
        deadline = time.monotonic() + SECONDS
        while b"\n" not in self._text:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            assert ready, "the agent says nothing"
            data = os.read(self.process.stdout.fileno(), 1 << 16)
            assert data, "the agent has ended"
            self._text += data
        line, _, self._text = self._text.partition(b"\n")
        return decode(line)

    def work(self, task: str, attempt: int = 1) -> Path:
        return self.root / f"{task}.{attempt}"

    def wait(self) -> int:
        return self.process.wait(SECONDS)

    def __enter__(self) -> "LocalAgent":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()


def alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def gone(*pids: int) -> bool:
    """Whether the processes have ended, or do so soon."""
    return eventually(lambda: not any(alive(pid) for pid in pids))


def eventually(condition: Any) -> bool:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def written(path: Path) -> str:
    """The text of a file, once there is some."""
    assert eventually(lambda: path.exists() and path.read_text()), f"{path} stays empty"
    return path.read_text()
