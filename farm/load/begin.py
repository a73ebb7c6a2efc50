"""Where a merge begins: at the place where an earlier one of the same kind was interrupted, or anew; under the lock."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from farm.galera import Account, connect
from farm.load.check import Parts
from farm.load.lock import Lock
from farm.load.merge import Work
from farm.load.place import Identity, Ledger, begun, dead, new
from farm.load.progress import Progress
from farm.load.sql import TABLE, Statements
from farm.load.table import require_declared


def identity(parts: Parts, account: Account, sql: Statements) -> Identity:
    """What makes a load the same one: its parts, what is written of them, and where to."""
    columns = tuple(column.name for column in sql.written)
    files = [[part.csv.name, part.manifest.sha256] for part in parts.parts]
    how = [account.database, account.mode, sql.zeros, sql.same_window, columns, sql.keep]
    text = json.dumps([parts.run, parts.environment, files, how])
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Identity(digest, parts.run, parts.environment, parts.survey.name, columns, sql.same_window)


def ledger_of(places: Path, wanted: Identity) -> Ledger:
    """The ledger of the latest load, where that is the same one and was interrupted; else a new one."""
    latest = next(reversed(begun(places)), None)
    if latest and latest.identity.digest == wanted.digest and not (latest.done or latest.undone):
        return latest
    return new(places, wanted)


@contextmanager
def begin(places: Path, account: Account, wanted: Identity, what: Work) -> Iterator[tuple[Ledger, Lock]]:
    """A ledger at its place, and the lock of the table, held meanwhile.

    Raises LockedError where another loader has the table, GaleraError where the table is not as declared.
    """
    with connect(account) as node:
        require_declared(node, account, what.sql)
        ledger = ledger_of(places, wanted)
        lock = Lock(account, TABLE, ledger.id, wanted.run, dead(places))
        chunk = lock.take(node)
        if not ledger.fits(chunk):
            ledger = new(places, wanted)
            lock = Lock(account, TABLE, ledger.id, wanted.run, dead(places))
            chunk = lock.take(node)
        ledger.settle(chunk)
    if ledger.place.rows:
        Progress(what.step, what.rows).note(
            f"going on after {ledger.place.rows:,} rows that an earlier load has merged"
        )
    with lock.beating():
        yield ledger, lock
