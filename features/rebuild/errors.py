"""Ways in which rebuild_objects ends. The codes are those of the whole toolkit, which this package cannot import."""

from enum import IntEnum


class Exit(IntEnum):
    OK = 0
    BUG = 1
    USAGE = 2
    CASSANDRA = 14
    """Cassandra is not there, refuses the account, or answers nonsense."""
    INPUT = 17
    """A file that the user named cannot be read or is not what it should be."""
    UNREAD = 31
    """The part is there, and lists objects that could not be read."""
    INTERRUPTED = 130


class CassandraError(Exception):
    """Cassandra cannot be read at all: the task must run again."""

    exit = Exit.CASSANDRA


class ReadError(Exception):
    """One read failed, and may succeed when it is tried again.

    ``lost`` says that no node could be asked at all; else a node was, and did not answer this query in time.
    """

    def __init__(self, message: str, lost: bool) -> None:
        super().__init__(message)
        self.lost = lost
