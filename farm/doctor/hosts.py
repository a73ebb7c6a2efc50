"""What each host that takes work or parts says of itself: one connection a host, all hosts at once."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import gevent

from farm import given
from farm.doctor.shared import seen
from farm.errors import FarmError
from farm.inventory import Host, Inventory
from farm.loading import OPTION_FILE, galera_check
from farm.preflight import RELEASES, Report, question
from farm.rebuild import cassandra_check
from farm.releases import standing
from farm.transport import Session, Transport
from farm.worker.protocol import ROOT

_SECONDS = 10
_ROUTE_SECONDS = 25
_TRIES, _PAUSE = 5, 0.2
MOST_CHANNELS = 33
"""No more are opened, however many slots a worker has."""
_QUESTION = f"""
df -Pi {ROOT} | awk 'NR == 2 {{print "inodes", $4}}'
df -Pk {RELEASES} | awk 'NR == 2 {{print "releases", $4}}'
du -sk "$(readlink -e {RELEASES}/current)" 2>/dev/null | awk '{{print "release", $1}}'
for each in /etc/farm/cassandra.json {OPTION_FILE}; do
    [ -e $each ] && echo "mode:$each $(stat -c %a $each)$(test -r $each || echo ' unreadable')"
done
true
"""


_T = TypeVar("_T")


@dataclass(frozen=True)
class Route:
    """A host's own way to a database, as its program found it with ``--check``."""

    said: dict[str, Any] | None
    error: str | None


@dataclass(frozen=True)
class Visit:
    """What a host said, as far as it could be asked."""

    host: Host
    roles: tuple[str, ...]
    """Of worker, pipeline, loader."""
    error: FarmError | None = None
    """Why it could not be asked."""
    report: Report | None = None
    connect: float = 0.0
    """Seconds until it had let the farm's user in."""
    login: float = 0.0
    """Seconds that an empty command takes on a connection that is there."""
    noise: str = ""
    """What the login shell says of its own, which stands in the way of whoever reads what a command says."""
    ahead: float = 0.0
    """Seconds that its clock is surely ahead of the head's, or (negative) behind."""
    told: dict[str, str] = field(default_factory=dict)
    """Answers to ``_QUESTION``."""
    route: Route | None = None
    """To Cassandra."""
    loads: Route | None = None
    """A loader's, to every node of Galera."""
    channels: int = 0
    """Commands that could run at a time on one connection, of ``wanted``."""
    wanted: int = 0
    shared: tuple[str, ...] | None = None
    """What is wrong with ``farm_shared_dir`` there, as ``shared.seen`` or an error says; None where it needs none."""

    @property
    def name(self) -> str:
        return self.host.name

    @property
    def slots(self) -> int:
        return self.report.slots if self.report else 0

    def number(self, name: str) -> int | None:
        text = self.told.get(name, "")
        return int(text) if text.isdecimal() else None


def visit(inventory: Inventory, transport: Transport, mark: str) -> list[Visit]:
    """Visit every host that takes releases; ``mark``: ``shared.marked``."""
    hosts = standing.hosts(inventory).items()
    asked = [gevent.spawn(_visit, host, roles, inventory, transport, mark) for host, roles in hosts]
    gevent.joinall(asked)
    return [greenlet.get() for greenlet in asked]


def _visit(host: Host, roles: tuple[str, ...], inventory: Inventory, transport: Transport, mark: str) -> Visit:
    begun = time.monotonic()
    try:
        session = transport.connect(host)
    except FarmError as error:
        return Visit(host, roles, error=error)
    connect = time.monotonic() - begun
    try:
        said = _ask(host, roles, inventory, session)
        folder = inventory.shared_dir if {*roles} & {"worker", "loader"} else None
        shared = _shared(session, folder, mark) if folder else None  # the last thing asked: a dead mount hangs
        return replace(said, connect=connect, shared=shared)
    except FarmError as error:
        return Visit(host, roles, error=error)
    finally:
        session.close()


def _ask(host: Host, roles: tuple[str, ...], inventory: Inventory, session: Session) -> Visit:
    begun = time.monotonic()
    empty = session.run("true", _SECONDS)
    login = time.monotonic() - begun
    ahead = _patiently(lambda: _ahead(session))
    report = _patiently(lambda: _report(host, session))
    said = _patiently(lambda: session.run(_QUESTION, _SECONDS).out)
    release = report.facts.release if report.facts else None  # without one there is nothing to test a way with
    reads = {*roles} & {"worker", "pipeline"}
    maps = given.maps(inventory) if "worker" in roles else ""
    check = cassandra_check(release, inventory.survey, maps) if release and reads else None
    wanted = min(1 + report.slots, MOST_CHANNELS) if "worker" in roles else 2
    return Visit(
        host,
        roles,
        report=report,
        login=login,
        noise=(empty.out + empty.err).strip(),
        ahead=ahead,
        told=dict(line.split(maxsplit=1) for line in said.splitlines() if " " in line.strip()),
        route=_route(session, "rebuild_objects", check) if check else None,
        loads=_route(session, "csv_to_database", galera_check(release)) if release and "loader" in roles else None,
        channels=_channels(session, wanted),
        wanted=wanted,
    )


def _shared(session: Session, folder: Path, mark: str) -> tuple[str, ...]:
    try:
        return _patiently(lambda: seen(session, folder, mark))
    except FarmError as error:
        return (str(error),)


def _patiently(ask: Callable[[], _T]) -> _T:
    """Ask again where the host refuses at once: with a low MaxSessions the last command may still count."""
    for _ in range(_TRIES):
        begun = time.monotonic()
        try:
            return ask()
        except FarmError:
            if time.monotonic() - begun > 1:
                raise
        gevent.sleep(_PAUSE)
    return ask()


def _report(host: Host, session: Session) -> Report:
    """Raises the error where the host told nothing."""
    report = question(host, session)
    if report.error and not report.facts:
        raise report.error
    return report


def _ahead(session: Session) -> float:
    """What the time of the way there and back cannot explain."""
    before = time.time()
    said = session.run("date +%s.%N", _SECONDS).out.split()
    after = time.time()
    there = float(said[-1]) if said else before
    return there - after if there > after else min(0.0, there - before)


def _route(session: Session, program: str, command: str) -> Route:
    try:
        ended = _patiently(lambda: session.run(command, _ROUTE_SECONDS))
    except FarmError as error:
        return Route(None, f"{program} --check: {error}")
    if ended.code != 0:
        why = ended.err.strip().rpartition("\n")[2].removeprefix(f"{program}: ")
        return Route(None, why or f"{program} --check ended with {ended.code}")
    return Route(json.loads(ended.out.strip().rpartition("\n")[2]), None)


def _channels(session: Session, wanted: int) -> int:
    """How many commands run at a time: what is sent to each comes back."""
    pipes = []
    try:
        gevent.sleep(_PAUSE)  # what has just ended may still count
        for _ in range(wanted):
            pipe = session.open("exec cat")
            pipes.append(pipe)
            pipe.send(b"farm\n")
            with gevent.Timeout(_SECONDS, False):
                if not any(line == b"farm" for line in pipe.lines()):
                    return len(pipes) - 1
    except FarmError:
        return len(pipes)
    return len(pipes)


def of_role(visits: Sequence[Visit], *roles: str) -> list[Visit]:
    """Visits of hosts of one of these roles that could be asked."""
    return [each for each in visits if each.error is None and {*roles} & {*each.roles}]
