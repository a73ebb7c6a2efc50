"""What the hosts' answers mean for a run. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from farm.doctor import advice
from farm.doctor.finding import Check, Finding, Kind, check, error, warning
from farm.doctor.hosts import Visit, of_role
from farm.errors import HostKeyError, SetupError
from farm.inventory import Inventory
from farm.loading import OPTION_FILE
from farm.release import short
from farm.show import size
from farm.worker.protocol import GRACE, LEASE

SLOW_CONNECTION = 2.0
"""Seconds: half of what a head has for a step of it (``transport.ssh``), so a busier host is lost."""
SLOW_LOGIN = 1.0
"""Seconds: each connection, and each file that comes over it, waits as long for the shell."""
LEAST_INODES = 2_000
LEAST_BYTES = 100 * 2**20
MEMORY_A_SLOT = 256 * 2**20
"""A process of a rebuild peaks at 120 MiB (docs/benchmarks/rebuild.json); the same again for what is wider."""
RELEASE_COPIES = 2
"""Of the size of a release, to stage another one: an upgrade's installation stands beside its wheels and archive."""
_HOSTS = "hosts"
_NOBODY = "no host answers"
_ALL = ("worker", "pipeline", "loader")


@dataclass(frozen=True)
class Needs:
    """Bytes in /var/lib/farm."""

    part: int
    """Parts on a worker at a time."""
    load: int
    """On a loader of its own."""

    def of(self, roles: Sequence[str]) -> int:
        return LEAST_BYTES + self.part * ("worker" in roles) + self.load * ("loader" in roles)


def checks(inventory: Inventory, visits: Sequence[Visit], schema: str, needs: Needs) -> Iterator[Check]:
    """``schema``: the hash of the features that the head declares."""
    again = advice.provision(inventory)
    yield _logins(visits, again)
    yield _host_keys(visits, inventory)
    yield _shells(visits)
    yield _clocks(visits)
    yield _releases(visits, inventory, schema, again)
    yield _disks(visits, needs)
    yield _release_room(visits, inventory)
    yield _shared(visits, inventory.shared_dir)
    yield _memory(visits)
    yield _channels(visits)
    yield _settings(visits, again)
    yield _slots(visits, inventory)


def _of(visits: Sequence[Visit], *roles: str) -> str:
    """How many of those that could be wanted said something."""
    wanted = [each for each in visits if not roles or {*roles} & {*each.roles}]
    asked = [each for each in wanted if each.error is None]
    return f"{len(asked)} of {len(wanted)} hosts" if len(asked) < len(wanted) else f"{len(wanted)} hosts"


def _none_of(visits: Sequence[Visit], *roles: str) -> str:
    """Why a check of such hosts was not made, where not one of them could be asked."""
    return "" if of_role(visits, *roles) else _NOBODY


def _logins(visits: Sequence[Visit], again: str) -> Check:
    findings = []
    for each in visits:
        if each.error is None or isinstance(each.error, HostKeyError):
            continue
        refused = isinstance(each.error, SetupError) or "refuses user" in str(each.error)
        todo = again if refused else "bring it back, or leave it out: farm rebuild --limit HOST,HOST"
        findings.append(error(Kind.LOGIN, each.name, str(each.error), todo))
    asked = of_role(visits, *_ALL)
    for each in asked:
        if each.connect > SLOW_CONNECTION:
            what = f"it takes {each.connect:.1f} s to let user {each.host.user} in"
            todo = "UseDNS no in its sshd_config, PAM's modules in /etc/pam.d/sshd; its load"
            findings.append(warning(Kind.SLOW_CONNECTION, each.name, what, todo))
    said = f"{_of(visits)} take the farm's key"
    if asked:
        said += f", the slowest in {1000 * max(each.connect for each in asked):.0f} ms"
    return check(_HOSTS, "login", said, findings)


def _host_keys(visits: Sequence[Visit], inventory: Inventory) -> Check:
    wrong = [
        error(Kind.HOST_KEY, each.name, str(each.error), advice.pin(inventory, each.host, str(each.error)))
        for each in visits
        if isinstance(each.error, HostKeyError)
    ]
    shown = sum(each.error is None or "refuses user" in str(each.error) for each in visits)
    said = f"{shown} of {len(visits)} as pinned"
    return check(_HOSTS, "host keys", said, wrong, unasked="" if shown or wrong else _NOBODY)


def _shells(visits: Sequence[Visit]) -> Check:
    asked = of_role(visits, *_ALL)
    findings = []
    for each in asked:
        look = f"look at the profile and the sshrc of user {each.host.user} there"
        if each.login > SLOW_LOGIN:
            findings.append(warning(Kind.SLOW_LOGIN, each.name, f"an empty command takes {each.login:.1f} s", look))
        if each.noise:
            said = each.noise.splitlines()[0][:80]
            what = f"its login shell says {said!r}, which ends up in answers"
            findings.append(error(Kind.NOISY_LOGIN, each.name, what, look))
    slowest = max((each.login for each in asked), default=0.0)
    said = f"the slowest takes {1000 * slowest:.0f} ms"
    return check(_HOSTS, "login shell", said, findings, unasked=_none_of(visits, *_ALL))


def _clocks(visits: Sequence[Visit]) -> Check:
    """Leases go by clocks that cannot be set; what a wrong time of day spoils is stamps, certificates and queues."""
    asked = of_role(visits, *_ALL)
    bound = LEASE + GRACE
    findings = [
        warning(
            Kind.CLOCK,
            each.name,
            f"its clock is {abs(each.ahead):,.0f} s {'ahead of' if each.ahead > 0 else 'behind'} the head's",
            "timedatectl set-ntp true there: a journal's times, read_at of parts and the queue for slots go by it",
        )
        for each in asked
        if abs(each.ahead) > bound
    ]
    most = max((abs(each.ahead) for each in asked), default=0.0)
    said = f"none surely further than {most:.1f} s from the head's; {bound:g} s may be"
    return check(_HOSTS, "clock", said, findings, unasked=_none_of(visits, *_ALL))


def _releases(visits: Sequence[Visit], inventory: Inventory, schema: str, again: str) -> Check:
    upgrade = f"farm upgrade --inventory {inventory.env}"
    findings = []
    having: dict[str, list[str]] = {}
    asked = of_role(visits, *_ALL)
    for each in asked:
        facts = each.report.facts if each.report else None
        release = facts.release if facts else None
        if release is None:
            findings.append(error(Kind.NO_RELEASE, each.name, "it has no complete current release", again))
            continue
        having.setdefault(release.digest, []).append(each.name)
        if release.of(inventory.survey).schema != schema:
            what = f"its release computes other columns than this head declares (schema {short(release.schema)})"
            what += ", so their parts cannot be loaded by it"
            findings.append(error(Kind.OTHER_SCHEMA, each.name, what, upgrade))
    if len(having) > 1:
        least = min(having, key=lambda digest: len(having[digest]))
        others = ", ".join(short(digest) for digest in having if digest != least)
        what = f"release {short(least)} is current there, and {others} elsewhere"
        findings.append(error(Kind.RELEASES_DISAGREE, ", ".join(having[least]), what, f"{upgrade}, or {again}"))
    said = f"{', '.join(map(short, having)) or 'none'} on {_of(visits)}"
    return check(_HOSTS, "release", said, findings, unasked=_none_of(visits, *_ALL))


def _disks(visits: Sequence[Visit], needs: Needs) -> Check:
    asked = of_role(visits, *_ALL)
    findings: list[Finding] = []
    least: list[int] = []
    for each in asked:
        facts = each.report.facts if each.report else None
        if each.report and each.report.error:
            look = "df -h /var/lib/farm; ls -ld /var/lib/farm there"
            findings.append(error(Kind.WORK_FOLDER, each.name, str(each.report.error), look))
        if facts is None:
            continue
        least.append(facts.disk_free)
        needed = needs.of(each.roles)
        prune = "farm prune --keep-days 7, farm release prune, then df -h /var/lib/farm there"
        if facts.disk_free < needed:
            what = f"{size(facts.disk_free)} free in /var/lib/farm, and a run or its load needs {size(needed)}"
            findings.append(error(Kind.DISK, each.name, what, prune))
        inodes = each.number("inodes")
        if inodes is not None and inodes < LEAST_INODES:
            findings.append(error(Kind.INODES, each.name, f"{inodes:,} inodes left in /var/lib/farm", prune))
    said = f"at least {size(min(least, default=0))} free on {_of(visits)}"
    return check(_HOSTS, "disk", said, findings, unasked="" if least or findings else _NOBODY)


def _release_room(visits: Sequence[Visit], inventory: Inventory) -> Check:
    findings: list[Finding] = []
    sizes: list[int] = []
    for each in of_role(visits, *_ALL):
        release, free = each.number("release"), each.number("releases")
        if not release or free is None:
            continue
        sizes.append(1024 * release)
        needed = RELEASE_COPIES * sizes[-1]
        if 1024 * free < needed:
            what = f"{size(1024 * free)} free in /opt/farm, and farm upgrade needs some {size(needed)}"
            todo = f"farm release prune --inventory {inventory.env}, then df -h /opt/farm there"
            findings.append(warning(Kind.RELEASE_ROOM, each.name, what, todo))
    said = f"for another release, of some {size(max(sizes, default=0))}, on {len(sizes)} of {len(visits)} hosts"
    return check(_HOSTS, "release room", said, findings, unasked="" if sizes else "no host has a release to measure")


def _shared(visits: Sequence[Visit], folder: Path | None) -> Check:
    """Loaders and workers have it; of a pipeline's hosts nothing is shared."""
    if folder is None:
        return check(_HOSTS, "shared folder", "none: parts come over SSH")
    users = [each for each in visits if {*each.roles} & {"worker", "loader"}]
    asked = [each for each in users if each.shared is not None]
    findings: list[Finding] = []
    for each in asked:
        for wrong in each.shared or ():
            findings.append(_unshared(each, folder, wrong))
    said = f"{sum(not each.shared for each in asked)} of {len(users)} hosts can use {folder}"
    return check(_HOSTS, "shared folder", said, findings, unasked=_none_of(visits, *_ALL))


def _unshared(visit: Visit, folder: Path, wrong: str) -> Finding:
    look = f"findmnt -T {folder} there and on the head"
    match wrong:
        case "other":
            what = f"{folder} is another folder there: what the head puts into it is not seen"
            return error(Kind.OTHER_SHARED_FOLDER, visit.name, what, f"{look}; mount the same one")
        case "shut":
            what = f"user {visit.host.user} cannot write {folder}"
            return error(Kind.SHARED_FOLDER_SHUT, visit.name, what, f"ls -ld {folder} there; {look}")
        case "missing":
            what = f"{folder} is not there, or user {visit.host.user} may not enter it"
        case _:
            what = f"{folder} does not answer: {wrong}"
    return error(Kind.NO_SHARED_FOLDER, visit.name, what, f"{look}; mount it, or correct farm_shared_dir")


def _memory(visits: Sequence[Visit]) -> Check:
    findings = []
    for each in of_role(visits, "worker"):
        facts = each.report.facts if each.report else None
        needed = each.slots * MEMORY_A_SLOT
        if facts and facts.memory_available < needed:
            what = f"{each.slots} slots may take {size(needed)}, and {size(facts.memory_available)} is available"
            fitting = facts.memory_available // MEMORY_A_SLOT
            todo = f"farm_slots: {fitting} for it in the inventory, or farm rebuild --slots {fitting}"
            findings.append(error(Kind.MEMORY, each.name, what, todo))
    said = f"room for {size(MEMORY_A_SLOT)} a slot on {_of(visits, 'worker')}"
    return check(_HOSTS, "memory", said, findings, unasked=_none_of(visits, "worker"))


def _channels(visits: Sequence[Visit]) -> Check:
    findings = []
    for each in of_role(visits, "worker", "loader"):
        if each.channels >= each.wanted:
            continue
        grade = error if each.channels < 2 else warning
        what = f"its sshd runs {each.channels} commands at a time on a connection, where a run wants {each.wanted}"
        todo = f"MaxSessions {each.wanted + 1} in /etc/ssh/sshd_config.d/farm.conf there, then systemctl reload ssh"
        findings.append(grade(Kind.SESSIONS, each.name, what, todo))
    said = f"an agent and a file for each slot on {_of(visits, 'worker', 'loader')}"
    return check(_HOSTS, "sessions", said, findings, unasked=_none_of(visits, "worker", "loader"))


def _settings(visits: Sequence[Visit], again: str) -> Check:
    findings: list[Finding] = []
    for role, file in (("worker", "/etc/farm/cassandra.json"), ("pipeline", "/etc/farm/cassandra.json"),
                       ("loader", str(OPTION_FILE))):  # fmt: skip
        for each in of_role(visits, role):
            mode, _, unreadable = each.told.get(f"mode:{file}", "").partition(" ")
            if not mode:
                findings.append(error(Kind.NO_SETTINGS, each.name, f"{file} is not there", again))
            elif unreadable:
                what = f"user {each.host.user} cannot read {file}"
                findings.append(error(Kind.SETTINGS_UNREADABLE, each.name, what, again))
            elif int(mode, 8) & 0o007:
                what = f"everybody can read the password in {file} (mode {mode})"
                findings.append(warning(Kind.SETTINGS_OPEN, each.name, what, again))
    said = f"addresses and passwords on {_of(visits)}"
    return check(_HOSTS, "settings", said, dict.fromkeys(findings), unasked=_none_of(visits, *_ALL))


def _slots(visits: Sequence[Visit], inventory: Inventory) -> Check:
    workers = of_role(visits, "worker")
    findings = [
        warning(
            Kind.SLOTS_TAKEN,
            each.name,
            f"{facts.busy} of {each.slots} slots are taken by other runs",
            f"tasks wait for them there; farm runs --inventory {inventory.env} shows what this head runs",
        )
        for each in workers
        if each.report and (facts := each.report.facts) and facts.busy
    ]
    said = f"{sum(each.slots for each in workers)} on {_of(visits, 'worker')}"
    return check(_HOSTS, "slots", said, findings, unasked=_none_of(visits, "worker"))
