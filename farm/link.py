"""A worker as the head sees it: one connection with one agent, made again whenever it is lost."""

import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import gevent
from gevent.queue import Queue

from farm.errors import FarmError, HostKeyError, ReleaseError, UnreachableError
from farm.inventory import Host
from farm.preflight import Release
from farm.transport import Pipe, Session, Transport
from farm.worker.protocol import GRACE, LEASE, PROTOCOL, Message, decode, encode

NOTICE = 3.5
"""Seconds without a word from the agent after which its worker is lost: seen with a beat, so up to 4 s after the last
beat that was answered."""
MARGIN = 1.0
"""Seconds more than an agent takes to end its tasks, until they are given away."""
_BACKOFF = (1, 2, 4, 8, 15)
_HELLO_SECONDS = 20
"""An agent may have to end a former one first."""


@dataclass(frozen=True)
class Worker:
    """A host that works for a run."""

    host: Host
    slots: int

    @property
    def name(self) -> str:
        return self.host.name


@dataclass(frozen=True)
class Word:
    """News of a worker: it is there, it said something, or it is lost."""

    kind: Literal["up", "message", "lost", "unusable"]
    link: "Link"
    message: Message
    """With ``lost``: until (when its tasks have ended at the latest, on time.monotonic's clock) and why."""
    epoch: int
    """Which of the link's connections it is about."""


def agent_command(release: Release, run: str, env: str, shared: str | None) -> str:
    words = ["--run", run, "--env", env, *(["--shared", shared] if shared else [])]
    return f"FARM_RELEASE={shlex.quote(release.digest)} exec {release.program('farm-agent')} {shlex.join(words)}"


class Link:
    """Keeps a worker's agent: ``run`` in a greenlet of its own tells ``hear`` all that happens."""

    def __init__(
        self,
        worker: Worker,
        command: str,
        transport: Transport,
        hear: Callable[[Word], None],
        prepare: Callable[[Session], None] | None = None,
    ) -> None:
        self.worker, self.command, self.transport, self.hear = worker, command, transport, hear
        self.prepare = prepare
        """What a connection needs before its agent starts."""
        self.session: Session | None = None
        self.up = False
        self.epoch = 0
        """Counts the connections."""
        self._outbox: Queue = Queue()
        self._stopping = False
        self._heard = self._beaten = 0.0

    def send(self, message: Message, epoch: int) -> None:
        """Have a message sent to the agent of that connection; where it is lost meanwhile, the message is dropped."""
        if self.up and epoch == self.epoch:
            self._outbox.put(message)

    def connection(self) -> Session:
        """Raises UnreachableError where there is none."""
        if self.session is None:
            raise UnreachableError(f"{self.worker.host.where} is gone")
        return self.session

    def stop(self) -> None:
        """Have the agent end, if there is one, and do not connect again."""
        self._stopping = True
        self.send({"t": "stop"}, self.epoch)

    def run(self) -> None:
        failures = 0
        while not self._stopping:
            try:
                self._work()
                failures = 0
            except (HostKeyError, ReleaseError) as error:
                self._tell("unusable", {"why": str(error)})
                return
            except FarmError as error:
                self._tell("message", {"t": "unreachable", "why": str(error)})
            gevent.sleep(_BACKOFF[min(failures, len(_BACKOFF) - 1)] if not self._stopping else 0)
            failures += 1

    def _work(self) -> None:
        """Connect, and serve until the connection ends."""
        session = self.transport.connect(self.worker.host)
        self.session = session
        helpers: list[gevent.Greenlet] = []
        try:
            if self.prepare is not None:
                self.prepare(session)
            pipe = session.open(self.command)
            lines = pipe.lines()
            with gevent.Timeout(_HELLO_SECONDS, False):
                hello = next(lines, None)
                self._check(hello, pipe)
                self._heard = self._beaten = time.monotonic()
                self._outbox = Queue()
                self.up = True
                self.epoch += 1
                helpers = [gevent.spawn(self._write, pipe, self._outbox), gevent.spawn(self._beat, session)]
                self._tell("up", self._decoded(hello or b""))
            if not self.up:
                raise UnreachableError(f"the agent on {self.worker.host.where} said nothing in {_HELLO_SECONDS} s")
            for line in lines:
                self._heard = time.monotonic()
                self._tell("message", self._decoded(line))
        finally:
            gevent.killall(helpers)
            session.close()
            self.session = None
            if self.up:
                self.up = False
                until = self._beaten + LEASE + GRACE + MARGIN
                self._tell("lost", {"until": until, "why": self._why()})

    def _tell(self, kind: Literal["up", "message", "lost", "unusable"], message: Message) -> None:
        self.hear(Word(kind, self, message, self.epoch))

    def _why(self) -> str:
        silence = time.monotonic() - self._heard
        return f"silent for {silence:.0f} s" if silence >= NOTICE else "its connection ended"

    def _check(self, hello: bytes | None, pipe: Pipe) -> None:
        where = self.worker.host.where
        if hello is None:
            raise UnreachableError(f"the agent on {where} does not start: {pipe.errors() or 'it said nothing'}")
        message = self._decoded(hello)
        if message["t"] == "refused":
            raise ReleaseError(f"{where} starts no tasks of this run: {message['why']}")
        if message.get("protocol") != PROTOCOL:
            raise ReleaseError(
                f"the agent on {where} speaks protocol {message.get('protocol')}, this head {PROTOCOL}:"
                " ansible-playbook -i INVENTORY provision.yml brings the workers this head's release"
            )

    def _decoded(self, line: bytes) -> Message:
        try:
            return decode(line)
        except ValueError:
            where = self.worker.host.where
            raise UnreachableError(f"the agent on {where} talks nonsense: {line[:80]!r}") from None

    def _write(self, pipe: Pipe, outbox: Queue) -> None:
        try:
            for message in outbox:
                pipe.send(encode(message))
                if message["t"] == "beat":
                    self._beaten = time.monotonic()
        except UnreachableError:
            return

    def _beat(self, session: Session) -> None:
        """Beat once a second, and end a session that has gone silent."""
        number = 0
        while True:
            number += 1
            self.send({"t": "beat", "n": number}, self.epoch)
            before = time.monotonic()
            gevent.sleep(1)
            now = time.monotonic()
            # Where this process itself stood still, the silence is its own.
            if now - before < 2 and now - self._heard > NOTICE:
                session.close()
                return
