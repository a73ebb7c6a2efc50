"""The transport over SSH: parallel-ssh's native client, with what it lacks. The only module that imports it.

The client itself sends small packets late (no TCP_NODELAY), polls each millisecond, checks no host key and
authenticates on gevent's own thread; the subclass mends these four.
"""

import contextlib
import logging
import secrets
import shlex
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import gevent
from gevent.hub import Hub
from gevent.lock import RLock
from gevent.threadpool import ThreadPool
from pssh.clients.native import SSHClient
from pssh.clients.native.tunnel import FORWARDER
from pssh.exceptions import AuthenticationError
from ssh2.error_codes import LIBSSH2_ERROR_EAGAIN
from ssh2.exceptions import SSH2Error
from ssh2.session import LIBSSH2_METHOD_HOSTKEY
from ssh2.session import Session as SSH2Session

from farm.errors import FarmError, HostKeyError, SetupError, UnreachableError
from farm.inventory import Host
from farm.transport import Completed, known_hosts
from farm.transport.here import written

CONNECT_SECONDS = 4
"""For the connection, the handshake and the authentication, each."""
_POLL_MS = 50
_STALLED_SECONDS = 20
"""A channel that does not open, or a file that stands still, for so long ends the connection."""
_FILE = "[ -e {0} ] || {{ echo none; exit; }}; exec < {0} && size=$(stat -c %s -) && echo $size && exec head -c $size"
_KEX_FAILURE = -5  # LIBSSH2_ERROR_KEX_FAILURE
_ALGORITHMS = {"ssh-rsa": "rsa-sha2-512,rsa-sha2-256,ssh-rsa"}
_T = TypeVar("_T")

Hub.NOT_ERROR = (*Hub.NOT_ERROR, SystemExit)  # parallel-ssh narrows it: the end of the program was a traceback
logging.getLogger("pssh").addHandler(logging.NullHandler())
logging.getLogger("pssh").propagate = False
_pool = ThreadPool(64)
"""For handshakes and authentications, which block: not gevent's own pool, which others need meanwhile."""


class _Client(SSHClient):  # type: ignore[misc]
    """A client that connects to the host whose key is pinned, or not at all."""

    sock: Any = None
    session: Any = None
    _proxy_client: Any = None
    _closed = False

    def __init__(self, host: Host, pins: Path) -> None:
        self._farm_host, self._pins = host, pins
        super().__init__(
            host.address,
            user=host.user,
            port=host.port,
            pkey=str(host.key),
            num_retries=1,
            allow_agent=False,
            identity_auth=False,
            timeout=CONNECT_SECONDS,
            keepalive_seconds=0,
            **({"proxy_host": host.jump.host} if host.jump else {}),
        )

    def _connect_proxy(self, *_: Any, **__: Any) -> int:
        """Connect to the hop as strictly as to the host itself; returns the local port of the tunnel."""
        host = self._farm_host
        assert host.jump is not None
        hop = Host(host.jump.host, host.jump.host, host.jump.port, host.jump.user, host.key, None, False, None)
        self._proxy_client = _Client(hop, self._pins)
        if not FORWARDER.started.is_set():
            FORWARDER.start()
            FORWARDER.started.wait()
        FORWARDER.enqueue(self._proxy_client, host.address, host.port)
        port: int = FORWARDER.out_q.get()
        return port

    def _init_session(self, retries: int = 1) -> None:
        host = self._farm_host
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        allowed = known_hosts.pinned(self._pins, (host.address, host.name), host.port)
        self.session = SSH2Session()
        self.session.set_timeout(CONNECT_SECONDS * 1000)
        if kinds := dict.fromkeys(each.kind for each in allowed):
            self.session.method_pref(LIBSSH2_METHOD_HOSTKEY, ",".join(_ALGORITHMS.get(kind, kind) for kind in kinds))
        try:
            _pool.apply(self.session.handshake, (self.sock,))
        except SSH2Error as error:
            if allowed and self.session.last_errno() == _KEX_FAILURE:
                raise HostKeyError(
                    f"{host.where} has no key of the kind pinned in {self._pins} ({', '.join(kinds)}):"
                    " find out why before you pin another"
                ) from error
            raise
        shown, _ = self.session.hostkey()
        known_hosts.check(shown, allowed, host.where, self._pins)

    def auth(self) -> None:
        _pool.apply(super().auth)

    def _poll_socket(self, events: int) -> None:
        if self._closed:
            raise ConnectionError("the connection is closed")
        poller = gevent.select.poll()
        poller.register(self.sock, eventmask=events)
        poller.poll(timeout=_POLL_MS)

    def _disconnect(self) -> None:
        """Shut the socket and wait for nothing: the other side may be gone.

        The socket stays open until the session is freed, which writes to the number of its descriptor.
        """
        if self._closed:
            return
        self._closed = True
        if self.sock is not None:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)
        if self._proxy_client is not None:
            FORWARDER.cleanup_server(self._proxy_client)

    def __del__(self) -> None:
        self._disconnect()
        self.session = None
        if self.sock is not None:
            self.sock.close()


class SshPipe:
    """A command on a channel."""

    def __init__(self, session: "SshSession", channel: Any) -> None:
        self._session, self._channel = session, channel
        self._errors = b""

    def send(self, data: bytes) -> None:
        self._session.guard(lambda: self._session.client.eagain_write(self._channel.write, data))

    def lines(self) -> Iterator[bytes]:
        rest = b""
        while chunk := self._read():
            *lines, rest = (rest + chunk).split(b"\n")
            yield from lines

    def errors(self) -> str:
        try:
            size, data = self._channel.read_stderr()
        except SSH2Error:
            size = 0
        if size > 0:
            self._errors += data
        return self._errors.decode(errors="replace").strip()

    def _read(self) -> bytes:
        client = self._session.client
        while True:
            try:
                size, data = self._channel.read()
                if size == LIBSSH2_ERROR_EAGAIN:
                    client.poll()
                    continue
            except (SSH2Error, OSError):
                return b""
            return data if size > 0 else b""


class SshSession:
    """A connection to a host over SSH."""

    def __init__(self, host: Host, client: _Client) -> None:
        self.host, self.client = host, client
        self._lock = RLock()
        """libssh2 opens one channel at a time."""

    def guard(self, action: Callable[[], _T]) -> _T:
        """Do it, with the library's errors mapped."""
        try:
            return action()
        except FileNotFoundError:
            raise
        except (SSH2Error, OSError) as error:
            raise UnreachableError(f"the connection to {self.host.where} broke: {_reason(error)}") from error

    def run(self, command: str, timeout: float) -> Completed:
        late = UnreachableError(f"{self.host.where} did not answer within {timeout:g} s")
        with gevent.Timeout(timeout, late):
            return self.guard(lambda: self._run(command))

    def _run(self, command: str) -> Completed:
        """The channel's exit status is 0 for a command that a signal ended: a marked last line says the code."""
        mark = secrets.token_hex(8)
        channel = self._execute(f"(\n{command}\n)\nprintf '\\n{mark} %d' $?")
        self.client.eagain(channel.send_eof)
        raw, err = self._drain(channel)
        self.client.eagain(channel.close)
        out, _, code = raw.decode(errors="replace").rpartition(f"\n{mark} ")
        return Completed(int(code) if code.isdigit() else -1, out, err.decode(errors="replace"))

    def _drain(self, channel: Any) -> tuple[bytes, bytes]:
        out, err = bytearray(), bytearray()
        while True:
            waiting = False
            for read, into in ((channel.read, out), (channel.read_stderr, err)):
                size, data = read()
                while size > 0:
                    into += data
                    size, data = read()
                waiting |= size == LIBSSH2_ERROR_EAGAIN
            if not waiting or channel.eof():
                return bytes(out), bytes(err)
            self.client.poll()

    def _execute(self, command: str) -> Any:
        with self._progress(), self._lock:
            channel = self.client.eagain(self.client.session.open_session)
            self.client.eagain(channel.execute, command)
            return channel

    def open(self, command: str) -> SshPipe:
        return SshPipe(self, self.guard(lambda: self._execute(command)))

    def fetch(self, remote: str, local: Path) -> None:
        self.guard(lambda: self._fetch(remote, local))

    def _fetch(self, remote: str, local: Path) -> None:
        """Over a channel, as commands are: libssh2's SFTP at times waits for an answer that never comes."""
        channel = self._execute(_FILE.format(shlex.quote(remote)))
        said = b""
        while b"\n" not in said and (data := self._some(channel)):
            said += data
        size, _, data = said.partition(b"\n")
        if size == b"none":
            raise FileNotFoundError(f"{self.host.name} has no file {remote}")
        if not size.isdigit():
            raise ConnectionError(f"{remote} cannot be read: {_complaint(channel)}")
        left = int(size)
        with written(local) as write:
            while data or (left and (data := self._some(channel))):
                write(data)
                left, data = left - len(data), b""
        if left:
            raise ConnectionError(f"{remote} ended {left} bytes early: {_complaint(channel)}")
        self.client.eagain(channel.close)

    def put(self, local: Path, remote: str) -> None:
        self.guard(lambda: self._put(local, remote))

    def _put(self, local: Path, remote: str) -> None:
        name = shlex.quote(remote)
        channel = self._execute(f"umask 027; cat > {name} && stat -c %s -- {name} || cat > /dev/null")
        with local.open("rb") as source:
            while data := source.read(1 << 15):
                with self._progress():
                    self.client.eagain_write(channel.write, data)
            size = source.tell()
        self.client.eagain(channel.send_eof)
        said = b""
        while data := self._some(channel):
            said += data
        if said != f"{size}\n".encode():
            raise ConnectionError(f"{remote} cannot be written: {_complaint(channel)}")
        self.client.eagain(channel.close)

    def _some(self, channel: Any) -> bytes:
        """What comes next, nothing at the end."""
        with self._progress():
            size, data = channel.read(1 << 18)
            while size == LIBSSH2_ERROR_EAGAIN:
                self.client.poll()
                size, data = channel.read(1 << 18)
        return data if size > 0 else b""

    @contextlib.contextmanager
    def _progress(self) -> Iterator[None]:
        """Where this step takes too long, the connection is ended: nobody knows what else it keeps."""
        try:
            with gevent.Timeout(_STALLED_SECONDS, ConnectionError(f"nothing moved for {_STALLED_SECONDS} s")):
                yield
        except ConnectionError:
            self.close()
            raise

    def close(self) -> None:
        self.client._disconnect()


class SshTransport:
    """Connects with the farm's key, to hosts whose keys are pinned in ``pins``."""

    def __init__(self, pins: Path) -> None:
        self.pins = pins

    def connect(self, host: Host) -> SshSession:
        if not host.key.exists():
            raise SetupError(f"the farm's key {host.key} is not there: ansible-playbook -i INVENTORY provision.yml")
        try:
            return SshSession(host, _Client(host, self.pins))
        except FarmError:
            raise
        except AuthenticationError as error:
            raise UnreachableError(
                f"{host.where} refuses user {host.user} with the key {host.key}:"
                " ansible-playbook -i INVENTORY provision.yml"
            ) from error
        except Exception as error:  # the library raises whatever its parts raise
            raise UnreachableError(f"{host.where} does not answer: {_reason(error)}") from error


def _complaint(channel: Any) -> str:
    """What a command that failed has said."""
    size, data = channel.read_stderr()
    return data.decode(errors="replace").strip() if size > 0 else "it does not say why"


def _reason(error: BaseException) -> str:
    """The library's errors carry a format and its arguments."""
    cause = next((each for each in error.args if isinstance(each, BaseException)), error)
    text = cause.args[0] if cause.args and isinstance(cause.args[0], str) else str(cause)
    with contextlib.suppress(TypeError, ValueError):
        text = text % cause.args[1:] if "%" in text else text
    return text or type(cause).__name__
