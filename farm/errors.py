"""Every way in which a farm command can end, and the errors that say so.

A message states what happened, where, and what to do; the CLI prints it without a traceback.
Third-party errors are mapped to these in the one module that imports the third party.
"""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every program of the toolkit. 1 is a bug, 2 a usage error, 130 an interrupt, 141 a closed pipe."""

    OK = 0
    BUG = 1
    USAGE = 2
    INVENTORY = 10
    """The inventory is unknown, empty, lacks a group, or holds a value that farm cannot read."""
    UNREACHABLE = 11
    """A host does not answer."""
    HOST_KEY = 12
    """A host shows another key than the one pinned in known_hosts."""
    RELEASE = 13
    """No current release, or workers that disagree about it."""
    CASSANDRA = 14
    """Cassandra is not there, refuses the account, or answers nonsense."""
    GALERA = 15
    """Galera is not there, refuses the account, or lost its quorum."""
    RUN = 16
    """The run does not exist, is ambiguous, of another environment, held by another head, or cannot be read."""
    INPUT = 17
    """A file that the user named, or standard output, cannot be read or written, or is not what it should be."""
    PARTS = 18
    """Parts of a run are missing, damaged, or disagree."""
    LAB = 19
    """The lab is not up, belongs to somebody else, or cannot be made on this machine."""
    LOCKED = 20
    """Somebody else is doing this at the moment."""
    SETUP = 21
    """Something that the toolkit needs on this machine is missing."""
    GATE = 22
    """A load would change more of the table than its gates let through."""
    SCHEMA = 23
    """The table is not as the features are declared, or cannot be brought there as it was asked for."""
    WARNINGS = 24
    """farm doctor found something that may make a run slow or incomplete, and nothing that will make it fail."""
    UNWELL = 25
    """farm doctor found something that will make a run fail."""
    TASKS_FAILED = 30
    """The run ended, with tasks that failed or are held."""
    UNREAD = 31
    """The run ended, with objects that could not be read."""
    VERIFY = 32
    """What was read back differs from what was loaded."""
    INTERRUPTED = 130
    CLOSED = 141
    """Whoever read the output closed the pipe (128 + SIGPIPE)."""


class FarmError(Exception):
    """An error that a user can act on; ``exit`` is the program's exit code."""

    exit = Exit.BUG


class InventoryError(FarmError):
    exit = Exit.INVENTORY


class UnreachableError(FarmError):
    exit = Exit.UNREACHABLE


class HostKeyError(FarmError):
    exit = Exit.HOST_KEY


class ReleaseError(FarmError):
    exit = Exit.RELEASE


class CassandraError(FarmError):
    exit = Exit.CASSANDRA


class GaleraError(FarmError):
    exit = Exit.GALERA


class RunError(FarmError):
    exit = Exit.RUN


class InputError(FarmError):
    exit = Exit.INPUT


class PartsError(FarmError):
    exit = Exit.PARTS


class LabError(FarmError):
    exit = Exit.LAB


class LockedError(FarmError):
    exit = Exit.LOCKED


class SetupError(FarmError):
    exit = Exit.SETUP


class GateError(FarmError):
    exit = Exit.GATE


class SchemaError(FarmError):
    exit = Exit.SCHEMA
