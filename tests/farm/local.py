"""A transport without SSH: hosts are folders of this machine, agents are real processes; and faults by hand."""

import contextlib
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import gevent
from gevent.os import make_nonblocking, nb_read, nb_write

from farm.errors import UnreachableError
from farm.inventory import Host
from farm.transport import Completed
from farm.worker.protocol import ROOT


def host(name: str) -> Host:
    return Host(name, name, 22, "farm", Path("/nowhere"), None, False, None)


@dataclass
class LocalTransport:
    """Each host's files are under ``root/<name>``; ``agent`` says what to start there."""

    root: Path
    lease: float = 60
    down: set[str] = field(default_factory=set)
    """Hosts that refuse connections."""
    sessions: dict[str, "LocalSession"] = field(default_factory=dict)
    on_send: Callable[[str, bytes], None] = lambda _host, _data: None

    def agent(self, run: str) -> str:
        """The command for a job; HOST_ROOT stands for the host's own folder."""
        words = f"-m farm.worker.agent --root HOST_ROOT --run {run} --env test --lease {self.lease} --grace 0.3"
        return f"exec {sys.executable} {words}"

    def connect(self, host: Host) -> "LocalSession":
        if host.name in self.down:
            raise UnreachableError(f"{host.where} does not answer: it is down")
        self.sessions[host.name] = session = LocalSession(self, host)
        return session

    def kill(self, name: str) -> None:
        """The agent and all its tasks die at once, and the connection with them."""
        process = self.sessions[name].process
        assert process
        process.send_signal(signal.SIGKILL)

    def cut(self, name: str) -> None:
        """Nothing passes any more, in either direction, and nobody is told."""
        self.sessions[name].cut = True


@dataclass
class LocalSession:
    transport: LocalTransport
    host: Host
    process: subprocess.Popen[bytes] | None = None
    cut: bool = False
    closed: bool = False

    @property
    def root(self) -> Path:
        return self.transport.root / self.host.name

    def run(self, command: str, timeout: float) -> Completed:
        done = subprocess.run(
            ["/bin/sh", "-c", command.replace(ROOT, str(self.root))],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Completed(done.returncode, done.stdout, done.stderr)

    def open(self, command: str) -> "LocalSession":
        line = command.replace("HOST_ROOT", str(self.root)).replace(ROOT, str(self.root))
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", line], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        for pipe in (self.process.stdin, self.process.stdout):
            make_nonblocking(pipe)
        return self

    def send(self, data: bytes) -> None:
        assert self.process
        assert self.process.stdin
        self.transport.on_send(self.host.name, data)
        if self.cut:
            return
        try:
            nb_write(self.process.stdin.fileno(), data)
        except (OSError, ValueError) as error:
            raise UnreachableError(f"{self.host.where} is gone: {error}") from error

    def lines(self) -> Iterator[bytes]:
        assert self.process
        assert self.process.stdout
        rest = b""
        while not self.closed:
            chunk = None
            with gevent.Timeout(0.1, False):
                try:
                    chunk = nb_read(self.process.stdout.fileno(), 1 << 16)
                except OSError:
                    return
            if self.cut:
                gevent.sleep(0.05)
            elif chunk == b"":
                return
            elif chunk:
                *lines, rest = (rest + chunk).split(b"\n")
                yield from lines

    def errors(self) -> str:
        return ""

    def _path(self, remote: str) -> Path:
        if self.cut or self.closed:
            raise UnreachableError(f"{self.host.where} is gone")
        return self.root / Path(remote).relative_to(ROOT)

    def fetch(self, remote: str, local: Path) -> None:
        shutil.copyfile(self._path(remote), local)

    def put(self, local: Path, remote: str) -> None:
        shutil.copyfile(local, self._path(remote))

    def close(self) -> None:
        if self.closed or self.process is None:
            return
        self.closed = True
        assert self.process.stdin
        assert self.process.stdout
        if not self.cut:
            self.process.stdin.close()
        try:
            gevent.get_hub().threadpool.apply(self.process.wait)
        finally:  # the runner may be done with waiting first
            for pipe in (self.process.stdin, self.process.stdout):
                pipe.close()


def tasks_running(root: Path) -> set[Path]:
    """Folders under ``root`` that processes work in."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            found.add(entry.readlink())
    return {folder for folder in found if folder.is_relative_to(root)}
