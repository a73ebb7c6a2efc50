"""What the hosts' answers mean for a run. Pure."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from farm.doctor.finding import Check, Finding, Kind, check, error, warning
from farm.doctor.hosts import Visit, of_role
from farm.errors import HostKeyError, SetupError
from farm.inventory import Inventory
from farm.loading import OPTION_FILE
from farm.release import short
from farm.show import size
from farm.worker.protocol import GRACE, LEASE

SLOW_LOGIN = 1.0
"""Seconds: each connection, and each file that comes over it, waits as long for the shell."""
LEAST_INODES = 2_000
LEAST_BYTES = 100 * 2**20
MEMORY_A_SLOT = 256 * 2**20
"""A process of a rebuild peaks at 120 MiB (docs/benchmarks/rebuild.json); the same again for what is wider."""
_HOSTS, _CASSANDRA = "hosts", "cassandra"


def checks(inventory: Inventory, visits: Sequence[Visit], schema: str, part: int) -> Iterator[Check]:
    """``schema``: the hash of the features that the head declares; ``part``: bytes of parts on a worker at a time."""
    again = f"ansible-playbook -i {inventory.path} provision.yml"
    yield _logins(visits, again)
    yield _host_keys(visits, inventory)
    yield _shells(visits)
    yield _clocks(visits)
    yield _releases(visits, inventory, schema, again)
    yield _disks(visits, part)
    yield _memory(visits)
    yield _channels(visits)
    yield _settings(visits, again)
    yield _slots(visits, inventory)
    yield _routes(visits, again)
    yield _cassandra(visits)
    yield _loaders_route(visits)


def _of(visits: Sequence[Visit], *roles: str) -> str:
    """How many of those that could be wanted said something."""
    wanted = [each for each in visits if not roles or {*roles} & {*each.roles}]
    asked = [each for each in wanted if each.error is None]
    return f"{len(asked)} of {len(wanted)} hosts" if len(asked) < len(wanted) else f"{len(wanted)} hosts"


def _logins(visits: Sequence[Visit], again: str) -> Check:
    findings = []
    for each in visits:
        if each.error is None or isinstance(each.error, HostKeyError):
            continue
        refused = isinstance(each.error, SetupError) or "refuses user" in str(each.error)
        todo = again if refused else "bring it back, or leave it out: farm rebuild --limit HOST,HOST"
        findings.append(error(Kind.LOGIN, each.name, str(each.error), todo))
    return check(_HOSTS, "login", f"{_of(visits)} take the farm's key", findings)


def _host_keys(visits: Sequence[Visit], inventory: Inventory) -> Check:
    todo = (
        "compare it with ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub on the host's own console; then"
        f" ssh-keygen -f {inventory.home.known_hosts} -R ADDRESS and ansible-playbook -i {inventory.path} provision.yml"
        " -e accept_new_host_keys=true"
    )
    shown = [each for each in visits if isinstance(each.error, HostKeyError)]
    wrong = [error(Kind.HOST_KEY, each.name, str(each.error), todo) for each in shown]
    return check(_HOSTS, "host keys", f"{len(visits) - len(wrong)} of {len(visits)} as pinned", wrong)


def _shells(visits: Sequence[Visit]) -> Check:
    asked = of_role(visits, "worker", "pipeline", "loader")
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
    return check(_HOSTS, "login shell", f"the slowest takes {1000 * slowest:.0f} ms", findings)


def _clocks(visits: Sequence[Visit]) -> Check:
    """Leases go by clocks that cannot be set; what a wrong time of day spoils is stamps, certificates and queues."""
    asked = of_role(visits, "worker", "pipeline", "loader")
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
    return check(
        _HOSTS, "clock", f"none surely further than {most:.1f} s from the head's; {bound:g} s may be", findings
    )


def _releases(visits: Sequence[Visit], inventory: Inventory, schema: str, again: str) -> Check:
    upgrade = f"farm upgrade --inventory {inventory.env}"
    findings = []
    having: dict[str, list[str]] = {}
    for each in of_role(visits, "worker", "pipeline", "loader"):
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
    return check(_HOSTS, "release", f"{', '.join(map(short, having)) or 'none'} on {_of(visits)}", findings)


def _disks(visits: Sequence[Visit], part: int) -> Check:
    asked = of_role(visits, "worker", "pipeline", "loader")
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
        needed = LEAST_BYTES + part
        prune = "farm prune --keep-days 7, farm release prune, then df -h /var/lib/farm there"
        if facts.disk_free < needed:
            what = f"{size(facts.disk_free)} free in /var/lib/farm, and a run needs {size(needed)}"
            findings.append(error(Kind.DISK, each.name, what, prune))
        inodes = each.number("inodes")
        if inodes is not None and inodes < LEAST_INODES:
            findings.append(error(Kind.INODES, each.name, f"{inodes:,} inodes left in /var/lib/farm", prune))
    return check(_HOSTS, "disk", f"at least {size(min(least, default=0))} free on {_of(visits)}", findings)


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
    return check(_HOSTS, "memory", f"room for {size(MEMORY_A_SLOT)} a slot on {_of(visits, 'worker')}", findings)


def _channels(visits: Sequence[Visit]) -> Check:
    findings = []
    for each in of_role(visits, "worker", "loader"):
        if each.channels >= each.wanted:
            continue
        grade = error if each.channels < 2 else warning
        what = f"its sshd runs {each.channels} commands at a time on a connection, where a run wants {each.wanted}"
        todo = f"MaxSessions {each.wanted + 1} in /etc/ssh/sshd_config.d/farm.conf there, then systemctl reload ssh"
        findings.append(grade(Kind.SESSIONS, each.name, what, todo))
    return check(
        _HOSTS, "sessions", f"an agent and a file for each slot on {_of(visits, 'worker', 'loader')}", findings
    )


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
    return check(_HOSTS, "settings", f"addresses and passwords on {_of(visits)}", dict.fromkeys(findings))


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
    return check(_HOSTS, "slots", f"{sum(each.slots for each in workers)} on {_of(visits, 'worker')}", findings)


def _routes(visits: Sequence[Visit], again: str) -> Check:
    tried = [each for each in of_role(visits, "worker", "pipeline") if each.route]
    todo = f"sudo -u farm /opt/farm/current/bin/rebuild_objects --check there; what it reads is written by {again}"
    findings = [
        error(Kind.CASSANDRA_ROUTE, each.name, each.route.error, todo)
        for each in tried
        if each.route and each.route.error
    ]
    return check(_CASSANDRA, "route", f"{len(tried) - len(findings)} of {len(tried)} hosts can read it", findings)


def _cassandra(visits: Sequence[Visit]) -> Check:
    said = {each.name: each.route.said for each in visits if each.route and each.route.said}
    versions = _sorted(lambda told: str(told["version"]), said.values())
    findings = []
    if len(versions) > 1:
        what = f"hosts find versions {', '.join(versions)}"
        todo = "nodetool describecluster on a node: finish its upgrade first"
        findings.append(warning(Kind.CASSANDRA_VERSIONS, "cassandra", what, todo))
    slowest = max((float(told["latency_ms"]) for told in said.values()), default=0.0)
    return check(_CASSANDRA, "version", f"{', '.join(versions) or 'unknown'}, answers in {slowest:.1f} ms", findings)


def _loaders_route(visits: Sequence[Visit]) -> Check:
    """Of a loader that is not the head; the head's own way is the nodes' check."""
    loaders = [each for each in of_role(visits, "loader") if each.loads]
    todo = f"sudo -u farm /opt/farm/current/bin/csv_to_database --check --option-file {OPTION_FILE} there"
    findings = []
    for each in loaders:
        nodes = each.loads.said["nodes"] if each.loads and each.loads.said else {}
        shut = {address: why for address, why in nodes.items() if why}
        if each.loads and each.loads.error:
            findings.append(error(Kind.GALERA_ROUTE, each.name, each.loads.error, todo))
        elif shut:
            what = f"{len(shut)} of {len(nodes)} nodes cannot be used from there: {'; '.join(shut.values())}"
            grade = warning if 2 * len(shut) < len(nodes) else error
            findings.append(grade(Kind.GALERA_ROUTE, each.name, what, f"{todo}; a firewall between them?"))
    said = f"{len(loaders) - len(findings)} of {len(loaders)} loaders beside the head reach it" if loaders else ""
    return check("galera", "loader", said or "the head loads, and asks the nodes itself", findings)


def _sorted(key: Callable[[dict[str, object]], str], said: Iterable[dict[str, object]]) -> list[str]:
    return sorted({key(each) for each in said})
