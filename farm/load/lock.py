"""Table ``farm_load``: who loads a table, across all nodes of a cluster, and which chunks of a load are committed.

The row with an empty ``id`` is the lock of a target; each load has a row of its own, whose ``chunk`` is counted up in
the chunk's transaction. So a loader that lost the lock, or whose chunk is committed already, cannot commit.
"""
# ruff: noqa: S608 - built of names of this module alone

import getpass
import os
import socket
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

from farm.errors import GaleraError, LockedError
from farm.galera import Account, ConflictError, Node, connect

TABLE = "farm_load"
DDL = f"""CREATE TABLE IF NOT EXISTS `{TABLE}` (
  `target` varchar(64) NOT NULL,
  `id` varchar(32) NOT NULL,
  `holder` varchar(32) DEFAULT NULL,
  `run` varchar(64) NOT NULL,
  `owner` varchar(64) NOT NULL,
  `host` varchar(255) NOT NULL,
  `since` datetime(6) NOT NULL,
  `heartbeat` datetime(6) NOT NULL,
  `chunk` bigint(20) NOT NULL DEFAULT 0,
  PRIMARY KEY (`target`, `id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8 COLLATE utf8_bin"""
BEAT_SECONDS, STALE_SECONDS = 3.0, 30
"""How often a loader beats, and after how long a silence another one may take its place: by the database's clock."""

_TRIES = 8
_NOW = "UTC_TIMESTAMP(6)"
_WHO = (
    f"SELECT holder, owner, host, run, since, TIMESTAMPDIFF(SECOND, heartbeat, {_NOW})"
    f" FROM {TABLE} WHERE target = %s AND id = '' FOR UPDATE"
)
_CHUNK = f"SELECT chunk FROM {TABLE} WHERE target = %s AND id = %s FOR UPDATE"
_INSERT = (
    f"INSERT INTO {TABLE} (target, id, holder, run, owner, host, since, heartbeat)"
    f" VALUES (%s, %s, %s, %s, %s, %s, {_NOW}, {_NOW})"
)
_RENEW = (
    f"UPDATE {TABLE} SET since = IF(holder <=> %s, since, {_NOW}), holder = %s, run = %s, owner = %s, host = %s,"
    f" heartbeat = {_NOW} WHERE target = %s AND id = %s"
)
_STEP = (
    f"UPDATE {TABLE} SET heartbeat = {_NOW}, chunk = IF(id = '', chunk, %s)"
    " WHERE target = %s AND id IN ('', %s) AND ((id = '' AND holder = %s) OR (id <> '' AND chunk = %s))"
)
_BEAT = f"UPDATE {TABLE} SET heartbeat = {_NOW} WHERE target = %s AND id = '' AND holder = %s"
_RELEASE = f"UPDATE {TABLE} SET holder = NULL WHERE target = %s AND id = '' AND holder = %s"


class Lock:
    """The lock of ``target`` for the load ``id`` of a run."""

    def __init__(self, account: Account, target: str, id: str, run: str, dead: Collection[str] = ()) -> None:
        """``dead``: loads that are known to have ended; a lock that one of them left is taken at once."""
        self.target, self.id = target, id
        self._free = {None, id, *dead}
        self._account = account
        self._who = (run[:64], f"{getpass.getuser()} (process {os.getpid()})"[:64], socket.gethostname()[:255])
        self._beaten = 0.0

    def take(self, node: Node) -> int:
        """Take the lock, or take it again at another node; returns how many chunks of this load are committed.

        Whatever another connection of this load had still under way is either counted or can no longer be committed.
        Raises LockedError that names the holder, where there is another one that lives.
        """
        for _ in range(_TRIES):
            try:
                chunk = self._take(node)
            except ConflictError:
                node.rollback()
            else:
                self._beaten = time.monotonic()
                return chunk
        raise LockedError(f"other loaders of table {self.target} begin at this moment: run this again")

    def _take(self, node: Node) -> int:
        held = node.rows(_WHO, (self.target,))
        if held and held[0][0] not in self._free and held[0][5] < STALE_SECONDS:
            node.rollback()
            _, owner, host, run, since, silent = held[0]
            raise LockedError(
                f"table {self.target} is being loaded by {owner} on {host}: run {run}, since"
                f" {since:%Y-%m-%d %H:%M:%S} UTC, last heard of {silent} s ago. Wait for its end; one that is"
                f" silent for {STALE_SECONDS} s counts as dead"
            )
        known = node.rows(_CHUNK, (self.target, self.id))
        for row, there in (("", held), (self.id, known)):
            if there:
                node.execute(_RENEW, (self.id, self.id, *self._who, self.target, row))
            else:
                node.execute(_INSERT, (self.target, row, self.id, *self._who))
        node.commit()
        return int(known[0][0]) if known else 0

    def step(self, node: Node, chunk: int) -> None:
        """Count chunk ``chunk`` (from 1), in the chunk's own transaction, just before its commit.

        Raises LockedError where another loader has taken the lock since: nothing of the chunk may be committed.
        """
        if node.execute(_STEP, (chunk, self.target, self.id, self.id, chunk - 1)) != 2:
            node.rollback()
            raise LockedError(
                f"table {self.target} was taken over by another loader while this one was silent: what was merged"
                " stays. Run this again when the other one has ended"
            )
        self._beaten = time.monotonic()

    def release(self, node: Node) -> None:
        """Give the lock back."""
        node.execute(_RELEASE, (self.target, self.id))
        node.commit()

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Beat from a connection of its own meanwhile, and give the lock back at the end."""
        over = threading.Event()
        thread = threading.Thread(target=self._beat, args=(over,), name="farm_load beat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _beat(self, over: threading.Event) -> None:
        node: Node | None = None
        while not over.wait(BEAT_SECONDS):
            if time.monotonic() - self._beaten < BEAT_SECONDS:
                continue
            try:
                node = node or connect(self._account)
                node.execute(_BEAT, (self.target, self.id))
                node.commit()
                self._beaten = time.monotonic()
            except GaleraError:
                _close(node)
                node = None
        with suppress(GaleraError):
            node = node or connect(self._account)
            self.release(node)
        _close(node)


def committed(node: Node, run: str) -> int:
    """How many chunks all loads of a run, and their undoing, have committed so far."""
    node.execute("SET SESSION wsrep_sync_wait = 1")  # another node may have committed the last one
    return int(node.rows(f"SELECT COALESCE(SUM(chunk), 0) FROM {TABLE} WHERE run = %s", (run[:64],))[0][0])


def _close(node: Node | None) -> None:
    if node:
        node.close()
