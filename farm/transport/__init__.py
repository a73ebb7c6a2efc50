"""How the head talks to a host: a small protocol, with parallel-ssh behind it in ``farm.transport.ssh``.

All of it is for gevent: calls wait without blocking other greenlets.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from farm.inventory import Host


@dataclass(frozen=True)
class Completed:
    """A command that has ended. ``code`` is -1 where its end cannot be told."""

    code: int
    out: str
    err: str


class Pipe(Protocol):
    """A command that runs, with its standard input and output."""

    def send(self, data: bytes) -> None:
        """Raises UnreachableError where the connection is broken."""

    def lines(self) -> Iterator[bytes]:
        """Lines of standard output, without their ends, until it ends or the connection breaks."""

    def errors(self) -> str:
        """What the command has written to standard error so far."""


class Session(Protocol):
    """A connection to a host. Every call raises UnreachableError where the connection is broken."""

    def run(self, command: str, timeout: float) -> Completed:
        """Run a command to its end. Raises UnreachableError after ``timeout`` seconds too."""

    def open(self, command: str) -> Pipe:
        """Start a command that is talked to."""

    def fetch(self, remote: str, local: Path) -> None:
        """Copy a file from the host. Raises FileNotFoundError where the host has none."""

    def put(self, local: Path, remote: str) -> None:
        """Copy a file to the host, where it gets mode 0640."""

    def close(self) -> None:
        """End the connection; whatever waits on it sees its end."""


class Transport(Protocol):
    def connect(self, host: Host) -> Session:
        """Raises UnreachableError, HostKeyError or SetupError, each naming the host."""
