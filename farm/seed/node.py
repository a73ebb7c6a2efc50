"""A Cassandra node as its operator reaches it: SSTables are sent over SSH, and imported by the node itself."""

import secrets
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from farm.errors import CassandraError, UnreachableError

NODETOOL = "/opt/cassandra/bin/nodetool"
DATA = "/var/lib/cassandra"
"""The node's data stand here; an import from the same file system moves files and copies none."""


@dataclass(frozen=True)
class Node:
    name: str
    address: str
    port: int
    user: str
    key: Path
    known_hosts: Path

    @property
    def _ssh(self) -> list[str]:
        options = ["BatchMode=yes", "StrictHostKeyChecking=yes", "GlobalKnownHostsFile=/dev/null", "ConnectTimeout=10"]
        options += [f"UserKnownHostsFile={self.known_hosts}", "IdentitiesOnly=yes", "LogLevel=ERROR"]
        flags = [part for option in options for part in ("-o", option)]
        return ["ssh", *flags, "-i", str(self.key), "-p", str(self.port), f"{self.user}@{self.address}"]

    def run(self, command: str) -> str:
        """What the command says. Raises UnreachableError where SSH fails, CassandraError where the command does."""
        done = subprocess.run([*self._ssh, command], capture_output=True, text=True, check=False)
        self._judge(done.returncode, command, done.stderr)
        return done.stdout

    def _judge(self, code: int, command: str, said: str) -> None:
        reason = " ".join(said.split()) or "it said nothing"
        if code == 255:
            raise UnreachableError(f"{self.name} ({self.address}) cannot be reached over SSH: {reason}")
        if code:
            raise CassandraError(f"{command.split()[0]} on {self.name} ({self.address}) ended with {code}: {reason}")

    @contextmanager
    def sent(self, folder: Path) -> Iterator[str]:
        """A folder of the node's, of user cassandra, with the files of ``folder``; it is gone afterwards."""
        remote = f"{DATA}/seed-{secrets.token_hex(6)}"
        try:
            self._send(folder, remote)
            yield remote
        finally:
            subprocess.run([*self._ssh, f"rm -rf {remote}"], capture_output=True, check=False)

    def _send(self, folder: Path, remote: str) -> None:
        unpack = f"install -d -o cassandra -g cassandra {remote} && tar -C {remote} --no-same-owner -xf -"
        unpack += f" && chown -R cassandra:cassandra {remote}"
        with tempfile.TemporaryFile() as log:
            pack = subprocess.Popen(["tar", "-C", str(folder), "-cf", "-", "."], stdout=subprocess.PIPE)
            done = subprocess.run([*self._ssh, unpack], stdin=pack.stdout, stderr=log, check=False)
            if pack.stdout:
                pack.stdout.close()
            packed = pack.wait()
            log.seek(0)
            self._judge(done.returncode or packed, "tar", log.read().decode(errors="replace"))

    def import_sstables(self, keyspace: str, table: str, remote: str) -> None:
        """Let Cassandra take the SSTables of one of the node's folders into a table."""
        self.run(f"{NODETOOL} import {shlex.quote(keyspace)} {shlex.quote(table)} {remote}/{keyspace}/{table}")
