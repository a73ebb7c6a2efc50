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
from farm.lab import ssh_command
from farm.lab.topology import LabHost

NODETOOL = "/opt/cassandra/bin/nodetool"
DATA = "/var/lib/cassandra"
"""The node's data stand here; an import from the same file system moves files and copies none."""


@dataclass(frozen=True)
class Node:
    """The lab's Cassandra."""

    host: LabHost

    def run(self, command: str) -> str:
        """What the command says. Raises UnreachableError where SSH fails, CassandraError where the command does."""
        done = subprocess.run(ssh_command(self.host, command), capture_output=True, text=True, check=False)
        self._judge(done.returncode, command, done.stderr)
        return done.stdout

    def _judge(self, code: int, command: str, said: str) -> None:
        reason = " ".join(said.split()) or "it said nothing"
        where = f"{self.host.name} ({self.host.address})"
        if code == 255:
            raise UnreachableError(f"{where} cannot be reached over SSH: {reason}")
        if code:
            raise CassandraError(f"{command.split()[0]} on {where} ended with {code}: {reason}")

    @contextmanager
    def sent(self, folder: Path) -> Iterator[str]:
        """A folder of the node's, of user cassandra, with the files of ``folder``; it is gone afterwards."""
        remote = f"{DATA}/seed-{secrets.token_hex(6)}"
        try:
            self._send(folder, remote)
            yield remote
        finally:
            subprocess.run(ssh_command(self.host, f"rm -rf {remote}"), capture_output=True, check=False)

    def _send(self, folder: Path, remote: str) -> None:
        unpack = f"install -d -o cassandra -g cassandra {remote} && tar -C {remote} --no-same-owner -xf -"
        unpack += f" && chown -R cassandra:cassandra {remote}"
        with tempfile.TemporaryFile() as log:
            pack = subprocess.Popen(["tar", "-C", str(folder), "-cf", "-", "."], stdout=subprocess.PIPE)
            done = subprocess.run(ssh_command(self.host, unpack), stdin=pack.stdout, stderr=log, check=False)
            if pack.stdout:
                pack.stdout.close()
            packed = pack.wait()
            log.seek(0)
            self._judge(done.returncode or packed, "tar", log.read().decode(errors="replace"))

    def clear_snapshots(self, keyspace: str) -> None:
        """Give back the room of what was truncated, which Cassandra keeps."""
        self.run(f"{NODETOOL} clearsnapshot --all -- {shlex.quote(keyspace)}")

    def import_sstables(self, keyspace: str, table: str, remote: str) -> None:
        """Let Cassandra take the SSTables of one of the node's folders into a table."""
        self.run(f"{NODETOOL} import {shlex.quote(keyspace)} {shlex.quote(table)} {remote}/{keyspace}/{table}")
