"""Cassandra's tables of light curves, as seeding sees them: the one module here that imports the driver."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from cassandra import DriverException
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.metadata import Murmur3Token
from cassandra.policies import WhiteListRoundRobinPolicy

from farm.errors import CassandraError
from farm.seed.rows import Array

VERIFIED = 1000
"""Rows of an object that are looked for after an import, at most."""


def tokens(objects: Array) -> Array:
    """Murmur3 tokens (int64) of partition keys, an array of dtype ``S`` or int64 (bigint)."""
    keys = objects.astype(">i8").tobytes() if objects.dtype.kind == "i" else b""
    several = [keys[at : at + 8] for at in range(0, len(keys), 8)] if keys else objects.tolist()
    return np.array([Murmur3Token.hash_fn(key) for key in several], dtype=np.int64)


@dataclass(frozen=True)
class Account:
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Table:
    """A table of light curves on one node; made by ``connect``."""

    keyspace: str
    name: str
    _session: Session
    key: str
    """The column that says which object a row is of, as CQL has it."""

    def beside(self, name: str, key: str) -> "Table | None":
        """Another table of the keyspace, over the same connection; None where there is none."""
        known = self._session.cluster.metadata.keyspaces[self.keyspace].tables
        return replace(self, name=name, key=key) if name.lower() in known else None

    def execute(self, statement: str) -> list[Any]:
        """The rows that a CQL statement gives."""
        return list(self._session.execute(statement, timeout=90))

    def empty(self) -> bool:
        return not self.execute(f"SELECT {self.key} FROM {self.keyspace}.{self.name} LIMIT 1")  # noqa: S608

    def truncate(self) -> None:
        self.execute(f"TRUNCATE {self.keyspace}.{self.name}")

    def verify(self, expected: Mapping[Any, int]) -> None:
        """Raises CassandraError where an object has fewer rows than expected: an import can fail without a word."""
        query = f"SELECT {self.key} FROM {self.keyspace}.{self.name} WHERE {self.key} = %s LIMIT {VERIFIED}"  # noqa: S608
        for name, count in expected.items():
            found = len(list(self._session.execute(query, [name])))
            if found < min(count, VERIFIED):
                raise CassandraError(
                    f"{self.keyspace}.{self.name} has {found} rows of {name} where {count} were sent:"
                    " the import failed, see Cassandra's log"
                )


@contextmanager
def connect(address: str, port: int, account: Account, keyspace: str, table: str, key: str) -> Iterator[Table]:
    """The table at the node ``address``. Raises CassandraError where node, account or table is not there."""
    logging.getLogger("cassandra").setLevel(logging.CRITICAL)
    where = f"Cassandra at {address}:{port}"
    profile = ExecutionProfile(load_balancing_policy=WhiteListRoundRobinPolicy([address]), request_timeout=30)
    cluster = Cluster(
        [address],
        port=port,
        auth_provider=PlainTextAuthProvider(account.user, account.password),
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        connect_timeout=10,
        protocol_version=5,
    )
    try:
        session: Any = cluster.connect()
        known = cluster.metadata.keyspaces.get(keyspace)
        if known is None or table.lower() not in known.tables:
            raise CassandraError(
                f"{where} has no table {keyspace}.{table}: run ansible-playbook -i inventory/lab provision.yml"
            )
        yield Table(keyspace, table, session, key)
    except NoHostAvailable as error:
        reason = "; ".join(str(each) for each in error.errors.values())
        raise CassandraError(f"{where} is not there or refuses {account.user}: {reason}") from error
    except DriverException as error:
        raise CassandraError(f"{where}: {error}") from error
    finally:
        cluster.shutdown()
