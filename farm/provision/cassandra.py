"""Accounts, keyspace and tables of a Cassandra of our own: ``python -m farm.provision.cassandra ENVIRONMENT``.

The superuser that every Cassandra is born with loses its login as soon as there is one with a password of its own.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cassandra import AuthenticationFailed, DriverException
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.policies import WhiteListRoundRobinPolicy

from farm.errors import CassandraError
from farm.home import Home
from farm.provision import program
from farm.provision.files import read_or_empty
from features import SURVEYS, survey
from features.declare import Table
from features.schema import cql_ddl

ADMIN, READER, BORN_WITH = "farm_admin", "farm_reader", "cassandra"
SECONDS_TO_START = 120.0


@dataclass(frozen=True)
class Wanted:
    """What a node must hold."""

    keyspace: str
    replication: int
    admin_password: str
    reader_password: str

    @property
    def tables(self) -> tuple[Table, ...]:
        return tuple(table for name in SURVEYS for table in survey(name).tables)

    def everything(self) -> list[str]:
        """What a node without anything would get."""
        return ["admin", "default superuser", "keyspace", *(t.name for t in self.tables), "reader", "reader's grant"]


@dataclass(frozen=True)
class Node:
    """Where Cassandra listens."""

    address: str
    port: int

    @contextmanager
    def session(self, user: str, password: str) -> Iterator[Session]:
        """Log in. Raises AuthenticationFailed, or CassandraError where nothing answers."""
        profile = ExecutionProfile(load_balancing_policy=WhiteListRoundRobinPolicy([self.address]), request_timeout=30)
        cluster = Cluster(
            [self.address],
            port=self.port,
            auth_provider=PlainTextAuthProvider(user, password),
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
            protocol_version=5,
            connect_timeout=30,
            control_connection_timeout=30,
            schema_metadata_enabled=False,
            token_metadata_enabled=False,
        )
        try:
            yield cluster.connect()
        except NoHostAvailable as error:
            for reason in error.errors.values():
                if isinstance(reason, AuthenticationFailed):
                    raise reason from None
            raise CassandraError(f"Cassandra does not answer at {self.address}:{self.port}: {error}") from None
        except DriverException as error:
            if isinstance(error, AuthenticationFailed):
                raise
            raise CassandraError(f"Cassandra at {self.address}:{self.port} refused: {error}") from None
        finally:
            cluster.shutdown()

    def accepts(self, user: str, password: str) -> bool:
        """Whether the account may log in with this password."""
        try:
            with self.session(user, password):
                return True
        except AuthenticationFailed:
            return False

    def wait(self, user: str, password: str) -> bool:
        """Like ``accepts``, of a server that may still be starting."""
        deadline = time.monotonic() + SECONDS_TO_START
        while True:
            try:
                return self.accepts(user, password)
            except CassandraError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.3)


def ensure(node: Node, wanted: Wanted, write: bool) -> dict[str, Any]:
    """Bring the node to what is wanted; return the names of what changed, or would."""
    if not write:
        try:
            has_admin = node.accepts(ADMIN, wanted.admin_password)
        except CassandraError:
            return {"changed": wanted.everything()}
        if not has_admin:
            return {"changed": wanted.everything()}
    elif not node.wait(ADMIN, wanted.admin_password):
        _make_admin(node, wanted)
        return {"changed": ["admin", *_ensure(node, wanted, write)]}
    return {"changed": _ensure(node, wanted, write)}


def _make_admin(node: Node, wanted: Wanted) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while not node.accepts(BORN_WITH, BORN_WITH):
        if time.monotonic() > deadline:
            raise CassandraError(
                f"Cassandra at {node.address}:{node.port} knows neither {ADMIN} with the password in the head's secrets"
                f" (cassandra_admin) nor its default superuser: put the right password there"
            )
        time.sleep(0.3)
    with node.session(BORN_WITH, BORN_WITH) as session:
        session.execute(_role("CREATE ROLE IF NOT EXISTS", ADMIN, wanted.admin_password, superuser=True))


def _ensure(node: Node, wanted: Wanted, write: bool) -> list[str]:
    with node.session(ADMIN, wanted.admin_password) as session:
        changes = dict(_changes(node, session, wanted))
        for statements in changes.values() if write else ():
            for statement in statements:
                session.execute(statement)
    return list(changes)


def _changes(node: Node, session: Session, wanted: Wanted) -> Iterator[tuple[str, list[str]]]:
    """What is missing, and the statements that bring it."""
    roles = {row.role: row for row in session.execute("SELECT role, can_login, is_superuser FROM system_auth.roles")}
    born_with = roles.get(BORN_WITH)
    if born_with and (born_with.can_login or born_with.is_superuser):
        yield "default superuser", [f"ALTER ROLE {BORN_WITH} WITH LOGIN = false AND SUPERUSER = false"]
    yield from _keyspace(session, wanted)
    query = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s"
    tables = {row.table_name for row in session.execute(query, (wanted.keyspace,))}
    for table in wanted.tables:
        if table.name.lower() not in tables:
            yield table.name, [cql_ddl(table, wanted.keyspace).strip().rstrip(";")]
    if READER not in roles:
        yield "reader", [_role("CREATE ROLE", READER, wanted.reader_password)]
    elif not node.accepts(READER, wanted.reader_password) or roles[READER].is_superuser:
        yield "reader", [_role("ALTER ROLE", READER, wanted.reader_password)]
    yield from _grant(session, wanted, READER in roles)


def _keyspace(session: Session, wanted: Wanted) -> Iterator[tuple[str, list[str]]]:
    query = "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = %s"
    row = session.execute(query, (wanted.keyspace,)).one()
    data_centre = session.execute("SELECT data_center FROM system.local").one().data_center
    replication = f"{{'class': 'NetworkTopologyStrategy', '{data_centre}': {wanted.replication}}}"
    if row is None:
        yield "keyspace", [f"CREATE KEYSPACE {wanted.keyspace} WITH replication = {replication}"]
    elif row.replication.get(data_centre) != str(wanted.replication):
        yield "keyspace", [f"ALTER KEYSPACE {wanted.keyspace} WITH replication = {replication}"]


def _grant(session: Session, wanted: Wanted, there: bool) -> Iterator[tuple[str, list[str]]]:
    """SELECT on the keyspace, and nothing else."""
    right = (f"<keyspace {wanted.keyspace}>", "SELECT")
    rows = session.execute(f"LIST ALL PERMISSIONS OF {READER}") if there else ()
    held = {(row.resource, row.permission) for row in rows}
    statements = [] if right in held else [f"GRANT SELECT ON KEYSPACE {wanted.keyspace} TO {READER}"]
    statements += [
        f"REVOKE {permission} ON {_resource(resource)} FROM {READER}" for resource, permission in held - {right}
    ]
    if statements:
        yield "reader's grant", statements


def _resource(listed: str) -> str:
    """A resource as GRANT and REVOKE name it, from how LIST prints it."""
    kind, *rest = listed.strip("<>").split()
    return " ".join((kind.upper(), *rest)) if kind != "all" else " ".join(("ALL", *rest)).upper()


def _role(verb: str, name: str, password: str, superuser: bool = False) -> str:
    return f"{verb} {name} WITH PASSWORD = '{password}' AND LOGIN = true AND SUPERUSER = {str(superuser).lower()}"


def main() -> dict[str, Any]:
    arguments = program.parser(__doc__, "environment")
    arguments.add_argument("--address", required=True)
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--keyspace", required=True)
    arguments.add_argument("--replication", type=int, required=True, help="copies of each row")
    options = arguments.parse_args()
    logging.getLogger("cassandra").setLevel(logging.CRITICAL)
    home = Home(options.environment)
    wanted = Wanted(
        options.keyspace,
        options.replication,
        read_or_empty(home.secret("cassandra_admin")),
        read_or_empty(home.secret("cassandra_reader")),
    )
    return ensure(Node(options.address, options.port), wanted, options.write)


if __name__ == "__main__":
    program.run(main)
