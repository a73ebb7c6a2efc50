"""What the doctor says: checks, each with its findings, and what to do about each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from farm.errors import Exit


class Severity(StrEnum):
    """How bad it is, the least first."""

    OK = "ok"
    UNASKED = "not asked"
    """Nobody was there who could have been asked; other findings say why."""
    WARNING = "warning"
    """A run may be slow, incomplete or hard to understand."""
    ERROR = "error"
    """A run will fail, or lose a worker."""


class Kind(StrEnum):
    """What is looked for; each has a test on the lab that provokes it."""

    LOGIN = "login"
    HOST_KEY = "host key"
    SLOW_CONNECTION = "slow connection"
    SLOW_LOGIN = "slow login"
    NOISY_LOGIN = "noisy login"
    CLOCK = "clock"
    NO_RELEASE = "no release"
    OTHER_SCHEMA = "release of other columns"
    RELEASES_DISAGREE = "releases disagree"
    WORK_FOLDER = "work folder"
    DISK = "disk"
    INODES = "inodes"
    RELEASE_ROOM = "room for a release"
    NO_SHARED_FOLDER = "no shared folder"
    OTHER_SHARED_FOLDER = "another shared folder"
    SHARED_FOLDER_SHUT = "shared folder that cannot be written"
    MEMORY = "memory"
    SESSIONS = "sessions"
    NO_SETTINGS = "no settings"
    SETTINGS_UNREADABLE = "settings unreadable"
    SETTINGS_OPEN = "settings open to everybody"
    SLOTS_TAKEN = "slots taken"
    CASSANDRA_ROUTE = "route to Cassandra"
    CASSANDRA_VERSIONS = "versions of Cassandra"
    CASSANDRA_NODE = "node of Cassandra"
    CASSANDRA_SCHEMA = "schema of Cassandra"
    GALERA_ROUTE = "loader's route to Galera"
    OPTION_FILE = "option file"
    STALE_OPTION_FILE = "stale option file"
    NO_KEY = "no key"
    FILE_OPEN = "file open to others"
    FOLDER_OPEN = "folder open to others"
    NO_FOLDER = "no folder"
    ROOM = "room"
    HEAD_INODES = "inodes of the head"
    NO_AUTHORITY = "no authority"
    NO_CERTIFICATE = "no certificate"
    CERTIFICATE_ENDS = "certificate ends"
    KEY_CHANGE = "change of keys cut short"
    UPGRADE = "upgrade not ended"
    OTHER_RUN = "other run"
    NODE = "node"
    NO_QUORUM = "no quorum"
    NOT_SYNCED = "not synced"
    NODES_MISSING = "nodes missing"
    CLUSTERS = "several clusters"
    GALERA_VERSIONS = "versions of Galera"
    ACCOUNT = "account"
    NO_LOCAL_INFILE = "no local_infile"
    READ_ONLY = "read-only"
    CONNECTIONS = "connections"
    NO_TABLE = "no table"
    PRIMARY_KEY = "primary key"
    SCHEMA = "schema"
    UNDECLARED = "undeclared columns"
    NO_LOCK_TABLE = "no table of locks"
    LOADING = "loading"
    LOADER_DIED = "loader died"


@dataclass(frozen=True)
class Finding:
    kind: Kind
    severity: Severity
    where: str
    """A host, an address or a file."""
    what: str
    todo: str
    """A command, where there is one."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    group: str
    name: str
    said: str
    """What was found, also where all is well."""
    findings: tuple[Finding, ...] = ()
    asked: bool = True
    """False: nobody could be asked, so it is not known whether all is well."""

    @property
    def severity(self) -> Severity:
        least = Severity.OK if self.asked else Severity.UNASKED
        return max((finding.severity for finding in self.findings), key=list(Severity).index, default=least)

    def as_json(self) -> dict[str, Any]:
        return {
            "group": self.group,
            "check": self.name,
            "severity": self.severity.value,
            "said": self.said,
            "findings": [vars(finding) for finding in self.findings],
        }


def error(kind: Kind, where: str, what: str, todo: str) -> Finding:
    return Finding(kind, Severity.ERROR, where, what, todo)


def warning(kind: Kind, where: str, what: str, todo: str) -> Finding:
    return Finding(kind, Severity.WARNING, where, what, todo)


def check(group: str, name: str, said: str, findings: Iterable[Finding] = (), unasked: str = "") -> Check:
    """``unasked``: why nobody could be asked, where that is so; it is said in place of ``said``."""
    return Check(group, name, f"not asked: {unasked}" if unasked else said, tuple(findings), not unasked)


def code(checks: Sequence[Check]) -> Exit:
    """The exit code that the worst finding asks for."""
    found = {each.severity for each in checks}
    if Severity.ERROR in found:
        return Exit.UNWELL
    return Exit.WARNINGS if Severity.WARNING in found else Exit.OK
