"""Cassandra through its driver, the one module that imports it: rows come as numpy arrays."""

import logging
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from cassandra import ConsistencyLevel, DriverException, RequestValidationException, Unauthorized, Unavailable
from cassandra import numpy_parser as driver_parser
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.connection import ConnectionException
from cassandra.metadata import Murmur3Token
from cassandra.policies import (
    ConstantReconnectionPolicy,
    DCAwareRoundRobinPolicy,
    FallthroughRetryPolicy,
    HostDistance,
)
from cassandra.protocol import NumpyProtocolHandler
from cassandra.query import SimpleStatement, tuple_factory
from numpy.typing import NDArray

from features.curves import null_value
from features.declare import Table
from features.rebuild.errors import CassandraError, ReadError
from features.rebuild.pages import FIRST_TOKEN, LAST_TOKEN, Keys, Page, Query, Range, Request
from features.rebuild.settings import Settings
from features.schema import cql_name

TIMEOUT = 20.0
"""Seconds that a page may take; the server's own limit for a range is 10 by default."""
_ALIKE = ({"smallint", "int", "bigint"}, {"float", "double"}, {"ascii", "varchar", "text"})
"""Types of columns that come to numpy as the same kind."""
PROTOCOL = 4
"""Of the wire. 5 would checksum each frame in Python."""
NODE_SECONDS = 5.0
"""What a node has for its first connections, before ``check`` calls it out of reach."""
_CONNECTING = 32
"""Nodes that are connected to at a time: with the driver's own 2, two that are silent keep all others waiting."""


def native(column: NDArray[Any]) -> NDArray[Any]:
    """A column as the driver parsed it, in the machine's byte order; where it is masked, the NaN ``null_value``.

    Stands for the driver's own function of this purpose, which calls ``ndarray.newbyteorder``: NumPy 2 has it no more,
    and the driver then returns no rows and raises nothing. Whole numbers that are missing somewhere become float64.
    """
    if column.dtype.kind == "O":
        return column
    values: NDArray[Any] = np.ma.getdata(column).byteswap(inplace=True)
    values = values.view(values.dtype.newbyteorder())
    missing = np.ma.getmaskarray(column)
    if missing.any():
        values = values.astype(np.float64) if values.dtype.kind == "i" else values
        values[missing] = null_value(values.dtype)
    return values


driver_parser.make_native_byteorder = native


class TableReader:
    """A table, of which some columns are read; made by ``connect``."""

    def __init__(self, session: Session, table: Table, columns: Sequence[str]) -> None:
        self._session = session
        self._column = table.key.name
        self._key = cql_name(self._column)
        self._whole = table.key.dtype.kind == "i"
        select = f"SELECT {', '.join(map(cql_name, columns))} FROM {table.name} WHERE"  # noqa: S608
        self._scan = session.prepare(f"{select} token({self._key}) > ? AND token({self._key}) <= ?")
        _require_types(self._scan, table)
        self._keyed = session.prepare(f"{select} {self._key} IN ?")
        self._table = table.name
        self.others: dict[str, TableReader] = {}
        self.nothing = {name: np.empty(0, table.typed[name].dtype) for name in columns if name != self._column}

    def check(self) -> dict[str, Any]:
        """Cassandra's version, the milliseconds that its smallest query takes, the best of three, and its nodes."""
        seconds = []
        for _ in range(3):
            started = time.perf_counter()
            rows = _arrays(self._session.execute("SELECT release_version FROM system.local"))
            seconds.append(time.perf_counter() - started)
        self.holds(Range(FIRST_TOKEN, LAST_TOKEN))
        version = str(rows["release_version"][0])
        return {"version": version, "latency_ms": round(1000 * min(seconds), 3), "nodes": self._nodes()}

    def _nodes(self) -> list[dict[str, Any]]:
        """All nodes as the one that answers knows them; ``up``: whether the driver has connections to it from here.

        It makes none, and ``up`` is null, in a data center that is not read from.
        """
        schemas: dict[Any, Any] = {}
        for table in ("local", "peers"):
            statement = SimpleStatement(f"SELECT host_id, schema_version FROM system.{table}")  # noqa: S608
            schemas.update(self._plainly(statement, 5000))
        hosts = sorted(self._session.cluster.metadata.all_hosts())
        policy = self._session.get_execution_profile(EXEC_PROFILE_DEFAULT).load_balancing_policy
        read = [host for host in hosts if policy.distance(host) != HostDistance.IGNORED]
        connected = self._connected(read)
        return [
            {
                "address": str(host.broadcast_rpc_address or host.address),
                "dc": host.datacenter,
                "version": host.release_version,
                "schema": str(schema) if (schema := schemas.get(host.host_id)) else None,
                "up": host in connected if host in read else None,
            }
            for host in hosts
        ]

    def _connected(self, hosts: Sequence[Any]) -> set[Any]:
        """Those that the driver has connections to: it connects in the background, and is waited for."""
        over = time.monotonic() + NODE_SECONDS
        while True:
            connected = set(self._session.get_pool_state())
            if time.monotonic() > over or all(host in connected or host.is_up is False for host in hosts):
                return connected
            time.sleep(0.02)

    def token(self, object_id: Any) -> int:
        packed = struct.pack(">q", object_id) if self._whole else object_id.encode()
        return int(Murmur3Token.hash_fn(packed))

    def fetch(self, request: Request, deliver: Callable[[Page | Exception], None]) -> None:
        """As ``pages.Reader``."""
        statement = self._bound(request.query)
        statement.fetch_size = request.size
        try:
            with _ONE_HANDLER:
                future = self._session.execute_async(statement, paging_state=request.state)
        except DriverException as error:
            deliver(self._failure(error))
            return
        future.add_callbacks(lambda _rows: deliver(self._page(future)), lambda error: deliver(self._failure(error)))

    def ids(self, tokens: Range) -> list[Any]:
        """As ``pages.Reader``."""
        select = f"SELECT DISTINCT {self._key} FROM {self._table}"  # noqa: S608
        try:
            listed = self._session.prepare(f"{select} WHERE token({self._key}) > ? AND token({self._key}) <= ?")
            return [row[0] for row in self._plainly(listed.bind((tokens.low, tokens.high)), 1000)]
        except DriverException as error:
            raise CassandraError(f"the objects of {tokens} cannot be listed: {error}") from error

    def holds(self, query: Query) -> bool:
        """Whether the query has a row, asked in the driver's plain way, without numpy. Raises CassandraError."""
        try:
            found: object = self._plainly(self._bound(query), 1).one()
        except DriverException as error:
            raise CassandraError(f"{query} cannot be read: {error}") from error
        return found is not None

    def _plainly(self, statement: Any, page: int) -> Any:
        """The driver's result, its rows tuples."""
        statement.fetch_size = page
        with _ONE_HANDLER:
            numpy_handler = self._session.client_protocol_handler
            self._session.client_protocol_handler = _PLAIN
            try:
                future = self._session.execute_async(statement)
            finally:
                self._session.client_protocol_handler = numpy_handler
        return future.result()

    def _bound(self, query: Query) -> Any:
        if isinstance(query, Keys):
            return self._keyed.bind((list(query.ids),))
        return self._scan.bind((query.low, query.high))

    def _page(self, future: Any) -> Page | Exception:
        try:
            result = future.result()
            columns = _arrays(result)
            return Page(columns.pop(self._column), columns, result.paging_state)
        except Exception as error:  # the driver would log what a callback raises, and nobody would ever hear of it
            return error

    def _failure(self, error: Exception) -> Exception:
        """A ReadError where another try may help."""
        if isinstance(error, RequestValidationException):
            return CassandraError(f"{self._session.keyspace}.{self._table} cannot be read: {error}")
        lost = isinstance(error, NoHostAvailable | ConnectionException | Unavailable)
        reasons = "; ".join(str(each) for each in error.errors.values()) if isinstance(error, NoHostAvailable) else ""
        return ReadError(reasons or f"{type(error).__name__}: {error}", lost)


def _arrays(result: Any) -> dict[str, NDArray[Any]]:
    """Columns of a page. Raises CassandraError where the driver lost them on their way to numpy."""
    match result.current_rows:
        case [dict() as columns]:
            return columns
    raise CassandraError("the driver loses rows on their way to numpy: this version of it does not fit NumPy's")


def _require_types(statement: Any, table: Table) -> None:
    """Raises CassandraError where a column that is read has another type than the declared one."""
    declared = {cql_name(column.name).strip('"'): column.cql for column in table.columns}
    found = {name: kind.typename for _, _, name, kind in statement.result_metadata}
    wrong = [
        f"{name} is {kind} and {declared[name]} is declared"
        for name, kind in found.items()
        if kind != declared[name] and not any({kind, declared[name]} <= each for each in _ALIKE)
    ]
    if wrong:
        raise CassandraError(
            f"table {table.name} has columns of other types than are declared ({', '.join(wrong)}): it is no table of"
            " these light curves, or the declarations are of another time"
        )


_PLAIN = Session.client_protocol_handler
_ONE_HANDLER = threading.Lock()
"""A statement has the handler that the session, which the readers of all tables share, has when it is begun."""


@contextmanager
def connect(
    settings: Settings, table: Table, columns: Sequence[str], others: Sequence[tuple[Table, Sequence[str]]] = ()
) -> Iterator[TableReader]:
    """The table of detections, of which only ``columns`` are read, and the same of ``others`` beside it.

    Raises CassandraError where no node answers, the account is refused, a table or column is not there, or the driver
    loses rows on their way to numpy.
    """
    logging.getLogger("cassandra").setLevel(logging.CRITICAL)
    where = f"Cassandra at {', '.join(settings.contact_points)} port {settings.port}"
    cluster = _cluster(settings)
    try:
        session = cluster.connect(settings.keyspace)
        session.client_protocol_handler = NumpyProtocolHandler
        if len(_arrays(session.execute("SELECT key, gossip_generation FROM system.local"))["key"]) != 1:
            raise CassandraError("system.local does not have one row")
        reader = TableReader(session, table, columns)
        reader.others = {other.name: TableReader(session, other, read) for other, read in others}
        yield reader
    except NoHostAvailable as error:
        reasons = "; ".join(dict.fromkeys(str(each) for each in error.errors.values()))
        raise CassandraError(f"{where} is not there or refuses {settings.username}: {reasons or error}") from error
    except Unauthorized as error:
        raise CassandraError(
            f"{where}: {settings.username} may not read keyspace {settings.keyspace}: {error}"
        ) from error
    except DriverException as error:
        raise CassandraError(f"{where}: {error}") from error
    finally:
        cluster.shutdown()


def _cluster(settings: Settings) -> Cluster:
    profile = ExecutionProfile(
        load_balancing_policy=DCAwareRoundRobinPolicy(settings.local_dc),
        retry_policy=FallthroughRetryPolicy(),
        consistency_level=ConsistencyLevel.name_to_value[settings.consistency],
        request_timeout=TIMEOUT,
        row_factory=tuple_factory,
    )
    tls = None
    if settings.tls:
        try:
            tls = ssl.create_default_context(cafile=settings.tls["ca"])
        except OSError as error:
            raise CassandraError(f"the certificate authority {settings.tls['ca']} cannot be used: {error}") from error
        tls.check_hostname = False
    return Cluster(
        list(settings.contact_points),
        port=settings.port,
        auth_provider=PlainTextAuthProvider(settings.username, settings.password),
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        ssl_context=tls,
        reconnection_policy=ConstantReconnectionPolicy(1.0, max_attempts=None),
        protocol_version=PROTOCOL,
        schema_metadata_enabled=False,
        token_metadata_enabled=False,
        connect_timeout=10,
        executor_threads=_CONNECTING,
    )
