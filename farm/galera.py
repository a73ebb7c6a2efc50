"""Galera: accounts from option files, connections to one node, and what its errors mean.

The only module that imports mysql.connector; nothing of it is seen outside.
"""

import configparser
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, cast

from farm.errors import GaleraError, InputError, SetupError

CONNECT_SECONDS = 5
ANSWER_SECONDS = 60
"""A node that says nothing for so long is lost: frozen, or cut off."""

_QUOTES = frozenset("'\"\\")
_LOST = frozenset({1047, 1053, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 2002, 2003, 2006, 2013, 2014, 2055})
_CROWDED = frozenset({1040, 1203, 1226})
_CONFLICTS = frozenset({1062, 1205, 1213, 1020})
_REFUSED = frozenset({1044, 1045, 1142, 1143, 1227, 1698})
_UNTRUSTED = 2026
_NO_TABLE = frozenset({1049, 1146})
_FULL = frozenset({3, 20, 1021, 1026, 1114})
_UNSUPPORTED = frozenset({1845, 1846})


class NodeLostError(GaleraError):
    """The node went away, left its quorum or takes no more connections; another one may be there."""


class FullError(NodeLostError):
    """The node has no room left, on its disk or for temporary tables; another one may have."""


class NoNodeError(GaleraError):
    """Not one node is there and synced."""


class ConflictError(GaleraError):
    """The transaction lost against another one (deadlock, certification, a row that somebody else inserted): again."""


class UnsupportedError(GaleraError):
    """The server does not do an ALTER TABLE by the algorithm that was asked for; nothing was changed."""


def require_client() -> None:
    """Raises SetupError where the client library is not installed."""
    try:
        import mysql.connector as _  # noqa: F401
    except ModuleNotFoundError:
        raise SetupError("this host lacks the loader's part of the toolkit: install lightcurve-farm[loader]") from None


@dataclass(frozen=True)
class Account:
    """An account of Galera, and how the environment loads, as its option file says."""

    file: Path
    user: str
    password: str = field(repr=False)
    port: int
    database: str
    environment: str
    """The environment that the cluster is of."""
    hosts: tuple[str, ...]
    """Addresses of all nodes, in the order in which they are tried."""
    mode: Literal["upsert", "update"]
    """Whether rows that the table lacks are inserted."""
    zeros: Literal["zero", "null"]
    """What the table holds where a feature is zero."""
    window: int | Literal["all"]
    """The window, in days, of the values that the table holds."""
    ca: Path | None = None
    """The servers' certificate authority; with one, nothing is sent but over TLS to a server that it vouches for."""


def read_account(path: Path) -> Account:
    """Read a MySQL option file: ``[client]`` user, password, port, database, and ssl-ca where TLS is wanted; ``[farm]``
    environment, hosts, mode, zeros, window.

    Raises InputError where it cannot be read, lacks something, or can be read by others than its owner.
    """
    parser = configparser.RawConfigParser(strict=True)
    try:
        if path.stat().st_mode & 0o077:
            raise InputError(f"the option file {path} holds a password and others can read it: chmod 600 {path}")
        parser.read_string(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"the option file {path} cannot be read ({error.strerror}):"
            " ansible-playbook -i INVENTORY provision.yml writes it"
        ) from None
    except (configparser.Error, UnicodeDecodeError):
        raise InputError(f"{path} is not a MySQL option file: it needs sections [client] and [farm]") from None
    client, farm = _Section(path, parser, "client"), _Section(path, parser, "farm")
    window = farm.value("window", lambda text: text == "all" or text.isdigit(), "all or a number of days")
    return Account(
        file=path,
        user=client.value("user"),
        password=client.value("password"),
        port=int(client.value("port", str.isdigit, "a number")),
        database=client.value("database"),
        environment=farm.value("environment", wanted="the name of the inventory's environment"),
        hosts=tuple(dict.fromkeys(each.strip() for each in farm.value("hosts").split(",") if each.strip())),
        mode=cast(Literal["upsert", "update"], farm.choice("mode", "upsert", "update")),
        zeros=cast(Literal["zero", "null"], farm.choice("zeros", "zero", "null")),
        window="all" if window == "all" else int(window),
        ca=Path(client.value("ssl-ca")) if parser.has_option("client", "ssl-ca") else None,
    )


@dataclass(frozen=True)
class _Section:
    path: Path
    parser: configparser.RawConfigParser
    name: str

    def value(self, key: str, valid: Callable[[str], bool] = bool, wanted: str = "a value") -> str:
        text = self.parser.get(self.name, key, fallback="").strip()
        if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
            text = text[1:-1]
        if not valid(text):
            raise InputError(f"the option file {self.path} lacks {key} in [{self.name}]: write {wanted} there")
        return text

    def choice(self, key: str, *choices: str) -> str:
        return self.value(key, choices.__contains__, " or ".join(choices))


class Node:
    """One connection to one node. Transactions are the caller's; isolation is READ COMMITTED, SQL mode strict."""

    def __init__(self, account: Account, address: str, seconds: int = ANSWER_SECONDS, any_state: bool = False) -> None:
        """Connect; a node that says nothing for ``seconds`` is lost, and so is one out of sync unless ``any_state``.

        Raises NodeLostError where the node is not there or has no quorum, GaleraError where it refuses the account.
        """
        import mysql.connector

        self.address = address
        self.committing = 0.0
        """When the last commit began, by the monotonic clock."""
        self._ca = account.ca
        self._connection: Any = None
        with self._mapped(account.user):
            self._connection = mysql.connector.connect(
                host=address,
                port=account.port,
                user=account.user,
                password=account.password,
                database=account.database,
                connection_timeout=min(CONNECT_SECONDS, seconds),
                read_timeout=seconds,
                write_timeout=seconds,
                allow_local_infile=True,
                use_pure=True,  # the C extension brings an OpenSSL of its own, which loses against Python's older one
                charset="utf8mb4",
                **_tls(account),
            )
        try:
            if not any_state:
                self._require_synced()
            self.execute("SET SESSION sql_mode = 'STRICT_ALL_TABLES'")
            self.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        except GaleraError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run a statement; returns how many rows it inserted or changed. A warning is an error."""
        with self._cursor() as cursor:
            cursor.execute(sql, tuple(values))
            affected, warnings = int(cursor.rowcount), int(cursor.warning_count)
        if warnings:
            said = "; ".join(str(text) for _, _, text in self.rows("SHOW WARNINGS LIMIT 3"))
            raise GaleraError(f"{self.address} warned of {warnings} things, and nothing was kept: {said}")
        return affected

    def load(self, sql: str, file: Path) -> int:
        """Run a LOAD DATA LOCAL, whose one value is the file; returns how many rows it loaded.

        The library sends no file but the one that it finds in the statement. Raises InputError for a path in which it
        finds another one.
        """
        path = str(file.absolute())
        if not _QUOTES.isdisjoint(path):
            raise InputError(f"the path {path} holds a quote or a backslash: move the parts to another folder")
        return self.execute(sql, [path])

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query, as Python values."""
        with self._cursor() as cursor:
            cursor.execute(sql, tuple(values))
            return cast(list[tuple[Any, ...]], cursor.fetchall())

    def texts(self, sql: str, values: Sequence[Any] = (), size: int = 10_000) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a query as they come, ``size`` at a time: each field the bytes that the server printed, or None.

        A FLOAT is printed with 6 digits: select ``column + 0e0`` to get all of it.
        """
        with self._cursor(raw=True) as cursor:
            cursor.execute(sql, tuple(values))
            while chunk := cursor.fetchmany(size):
                yield chunk

    def commit(self) -> None:
        self.committing = time.monotonic()
        with self._mapped():
            self._connection.commit()

    def rollback(self) -> None:
        with self._mapped():
            self._connection.rollback()

    def close(self) -> None:
        """Never fails: the server may be gone."""
        import mysql.connector

        try:
            self._connection.disconnect()
        except (mysql.connector.Error, OSError):
            return

    def abort(self) -> None:
        """End what another thread waits for on this connection: it raises NodeLostError there."""
        with suppress(OSError, AttributeError):  # closed at the same moment
            self._connection._socket.sock.shutdown(socket.SHUT_RDWR)

    def _require_synced(self) -> None:
        said: Mapping[str, str] = dict(self.rows("SHOW GLOBAL STATUS LIKE 'wsrep_%'"))
        status = said.get("wsrep_cluster_status", "Disconnected")
        if status != "Primary":
            raise NodeLostError(f"{self.address} is in no cluster with quorum (it says {status})")
        if (state := said.get("wsrep_local_state_comment")) != "Synced":
            raise NodeLostError(f"{self.address} is not synced with its cluster (it says {state})")

    @contextmanager
    def _cursor(self, raw: bool = False) -> Iterator[Any]:
        with self._mapped():
            cursor = self._connection.cursor(raw=raw)
            yield cursor
            cursor.close()

    @contextmanager
    def _mapped(self, user: str = "") -> Iterator[None]:
        import mysql.connector

        try:
            yield
        except mysql.connector.Error as error:
            if error.errno == -1 and isinstance(error, mysql.connector.OperationalError) and self._connection:
                if self._connection.is_connected():  # its last ping was answered with what ended the transaction
                    raise ConflictError(f"{self.address} gave up a transaction while it waited") from None
                raise NodeLostError(f"{self.address} was lost ({error.msg})") from None
            raise _meaning(error, self.address, user, self._ca) from None
        except OSError as error:
            raise NodeLostError(f"{self.address} was lost ({error})") from None


def _tls(account: Account) -> dict[str, Any]:
    """Arguments of a connection. Raises InputError where the authority's certificate is not there."""
    if account.ca is None:
        return {}
    if not account.ca.is_file():
        raise InputError(
            f"{account.file} names {account.ca} as ssl-ca, and it is not there: copy the certificate there"
        )
    return {"ssl_ca": str(account.ca), "ssl_verify_cert": True, "ssl_verify_identity": True}


def connect(account: Account) -> Node:
    """A connection to the first node that is there and synced. Raises NoNodeError that says what is wrong with each."""
    return _connect(account, account.hosts, 1, "")[0]


def connect_besides(account: Account, besides: str | None, most: int) -> list[Node]:
    """Connections to up to ``most`` nodes other than ``besides``, beginning with the one after it.

    Raises NoNodeError that says of each node what is wrong with it, where there is none.
    """
    at = account.hosts.index(besides) if besides in account.hosts else -1
    hosts = [each for each in (*account.hosts[at + 1 :], *account.hosts[: at + 1]) if each != besides]
    return _connect(account, hosts, most, f" besides {besides}" if besides else "")


def _connect(account: Account, hosts: Sequence[str], most: int, other: str) -> list[Node]:
    found: list[Node] = []
    wrong = []
    for address in hosts:
        try:
            found.append(Node(account, address))
        except NodeLostError as error:
            wrong.append(str(error))
        except GaleraError:
            for node in found:
                node.close()
            raise
        if len(found) == most:
            break
    if not found:
        reasons = "; ".join(wrong) or f"{account.file} names no other one"
        raise NoNodeError(f"no Galera node can be used{other}: {reasons}. Start the nodes, then run this again")
    return found


def _meaning(error: Any, address: str, user: str, authority: Path | None) -> GaleraError:
    """The third party's error as one of ours."""
    import mysql.connector

    number, said = error.errno, str(error.msg).strip()
    timeouts = (
        mysql.connector.errors.ConnectionTimeoutError,
        mysql.connector.errors.ReadTimeoutError,
        mysql.connector.errors.WriteTimeoutError,
    )
    if isinstance(error, timeouts):
        return NodeLostError(f"{address} does not answer")
    if number in (2002, 2003):
        return NodeLostError(
            f"{address} does not answer ({said.rpartition('Errno')[2].strip(' -0123456789:()') or said})"
        )
    if number == _UNTRUSTED or "CERTIFICATE_VERIFY_FAILED" in said:
        return GaleraError(
            f"{address} has no certificate that the authority {authority} vouches for ({said}): set it up for TLS, or"
            " correct farm_galera_ca in the inventory"
        )
    if number == 1047 or "Not connected to Primary Component" in said:
        return NodeLostError(f"{address} is in no cluster with quorum")
    if number in _LOST:
        return NodeLostError(f"{address} was lost ({said})")
    if number in _CROWDED:
        return NodeLostError(f"{address} takes no more connections ({said})")
    if number in _FULL or "No space left on device" in said:
        return FullError(f"{address} has no room left ({said})")
    if number in _CONFLICTS:
        return ConflictError(f"{address} gave up a transaction ({said})")
    if number in _REFUSED:
        who = f" {user}" if user else ""
        return GaleraError(
            f"{address} refuses the account{who} ({said}): ansible-playbook -i INVENTORY provision.yml makes the"
            " accounts, and the option file must hold the password of the same environment"
        )
    if number in _UNSUPPORTED:
        return UnsupportedError(f"{address} refuses the algorithm ({said})")
    if number in _NO_TABLE:
        return GaleraError(
            f"{address} lacks the table ({said}):"
            " ansible-playbook -i INVENTORY provision.yml or farm schema migrate makes it"
        )
    return GaleraError(f"{address} answered with error {number}: {said}")
