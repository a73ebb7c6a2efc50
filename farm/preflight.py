"""Who is there: every worker asked at once for its cores, load, memory, disk and release."""

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

import gevent

from farm.errors import FarmError, ReleaseError, UnreachableError
from farm.inventory import Host, Inventory
from farm.transport import Completed, Session, Transport
from farm.worker.protocol import ROOT

RELEASES = PurePosixPath("/opt/farm")
_SECONDS = 5
_QUESTION = f"""
echo "cores $(nproc)"
echo "load $(cut -d' ' -f1 /proc/loadavg)"
awk '/^MemTotal|^MemAvailable/ {{print $1, $2 * 1024}}' /proc/meminfo
df -Pk {ROOT} | awk 'NR == 2 {{print "disk", $2 * 1024; print "free", $4 * 1024}}'
test -w {ROOT} && echo "writable yes"
echo "busy $(for slot in {ROOT}/slots/[0-9]*; do [ -e "$slot" ] && ! flock -ns "$slot" true && echo; done | wc -l)"
echo "path $(readlink -e {RELEASES}/current)"
cat {RELEASES}/current/RELEASE.json 2>/dev/null
true
"""


@dataclass(frozen=True)
class Release:
    """The pinned release of a run."""

    folder: PurePosixPath
    digest: str
    schema: str
    """Hash of the default survey's; ``ready`` gives that of the inventory's."""
    schemas: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Hash by survey."""

    def of(self, survey: str) -> "Release":
        """The same release with the schema of a survey."""
        return replace(self, schema=self.schemas.get(survey, self.schema))

    def program(self, name: str) -> str:
        """The absolute path of one of its programs, as a word for the shell."""
        return shlex.quote(str(self.folder / "bin" / name))


@dataclass(frozen=True)
class Facts:
    """What a worker says of itself; sizes in bytes."""

    cores: int
    load: float
    memory: int
    memory_available: int
    disk: int
    disk_free: int
    busy: int
    """Slots in use, by whatever runs of whatever heads."""
    release: Release | None


@dataclass(frozen=True)
class Report:
    """A worker's facts, or the error that kept it from telling them."""

    host: Host
    facts: Facts | None
    error: FarmError | None

    @property
    def slots(self) -> int:
        """``farm_slots``, else one a core."""
        return self.host.slots or (self.facts.cores if self.facts else 0)


def ask(hosts: Sequence[Host], transport: Transport) -> list[Report]:
    """Ask all hosts at once; one that does not answer costs a few seconds, however many there are."""
    asked = [gevent.spawn(_ask, host, transport) for host in hosts]
    gevent.joinall(asked)
    return [greenlet.get() for greenlet in asked]


def _ask(host: Host, transport: Transport) -> Report:
    try:
        session = transport.connect(host)
    except FarmError as error:
        return Report(host, None, error)
    try:
        return question(host, session)
    finally:
        session.close()


def question(host: Host, session: Session) -> Report:
    """Ask a host over a connection that is there."""
    try:
        answer = session.run(_QUESTION, _SECONDS)
        return Report(host, *_facts(host, answer.out, answer.err))
    except FarmError as error:
        return Report(host, None, error)


def failures(hosts: Sequence[Host], transport: Transport, command: str, seconds: float) -> dict[str, Completed]:
    """Run a command on all hosts at once; returns what it said where it did not end with 0, by host.

    Raises the first error of a host that cannot be asked.
    """

    def run(host: Host) -> Completed | FarmError:
        """The error is returned, since gevent prints what a greenlet raises."""
        try:
            session = transport.connect(host)
            try:
                return session.run(command, seconds)
            finally:
                session.close()
        except FarmError as error:
            return error

    asked = {host.name: gevent.spawn(run, host) for host in hosts}
    gevent.joinall(list(asked.values()))
    failed = {}
    for name, greenlet in asked.items():
        ended: Completed | FarmError = greenlet.get()
        if isinstance(ended, FarmError):
            raise ended
        if ended.code != 0:
            failed[name] = ended
    return failed


def _facts(host: Host, out: str, err: str) -> tuple[Facts | None, FarmError | None]:
    head, brace, tail = out.partition("{")
    said = dict(line.split(maxsplit=1) for line in head.splitlines() if " " in line.strip())
    try:
        facts = Facts(
            cores=int(said["cores"]),
            load=float(said["load"]),
            memory=int(float(said["MemTotal:"])),
            memory_available=int(float(said["MemAvailable:"])),
            disk=int(float(said.get("disk", 0))),
            disk_free=int(float(said.get("free", 0))),
            busy=int(said.get("busy", 0)),
            release=_release(said.get("path", ""), brace + tail),
        )
    except (KeyError, ValueError) as error:
        return None, UnreachableError(f"{host.where} answers nonsense ({error}): {err.strip() or out.strip()}")
    if "writable" not in said:
        return facts, ReleaseError(
            f"user {host.user} cannot write {ROOT} on {host.name}: ansible-playbook -i INVENTORY provision.yml"
        )
    return facts, None


def _release(folder: str, text: str) -> Release | None:
    if not folder.strip() or not text.strip():
        return None
    told = json.loads(text)
    return Release(PurePosixPath(folder.strip()), told["digest"], told["schema"], told.get("schemas", {}))


def agreed_release(reports: Iterable[Report], inventory: Inventory) -> Release:
    """The one release that every worker has. Raises ReleaseError that names who has what."""
    by_release: dict[Release | None, list[str]] = {}
    for report in reports:
        by_release.setdefault(report.facts.release if report.facts else None, []).append(report.host.name)
    again = f"ansible-playbook -i {inventory.path} provision.yml"
    if None in by_release:
        raise ReleaseError(f"no current release on {', '.join(by_release[None])}: {again}")
    if len(by_release) > 1:
        who = "; ".join(
            f"{', '.join(names)} have {release.digest[:12]}" for release, names in by_release.items() if release
        )
        raise ReleaseError(
            f"the workers' releases disagree ({who}): farm upgrade --inventory {inventory.env} or {again} brings them"
            " together; go on without some of them: --limit"
        )
    (release,) = by_release
    assert release is not None
    return release


def ready(reports: Sequence[Report], inventory: Inventory) -> Release:
    """The release to run, where every worker is ready; else the first error, which names all workers that have one."""
    broken = [report for report in reports if report.error]
    if broken:
        first = broken[0].error
        assert first is not None
        others = ", ".join(report.host.name for report in broken[1:])
        if others:
            raise type(first)(f"{first} (and so {others}); go on without them: --limit") from first
        raise first
    return agreed_release(reports, inventory).of(inventory.survey)
