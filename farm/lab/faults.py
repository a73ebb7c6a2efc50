"""What can go wrong with a host, done on purpose; each has its way back, and `up` takes all of them back."""

import errno
import os

from farm.errors import LabError
from farm.lab import cgroups, host, network, operator
from farm.lab.topology import LabHost


def kill(target: LabHost) -> None:
    """Its power fails."""
    host.kill(target)


def start(target: LabHost) -> None:
    """It is started again, with what its disk holds; nothing is done where it runs."""
    if host.init(target) is None:
        host.boot(target)
        host.wait_answering(target)


def reboot(target: LabHost) -> None:
    """It shuts down and boots again."""
    _alive(target)
    host.reboot(target)


def freeze(target: LabHost) -> None:
    """It hangs: its processes stand still, while its address still answers."""
    _alive(target)
    cgroups.freeze(target.name)


def thaw(target: LabHost) -> None:
    """It goes on where it was frozen."""
    _alive(target)
    cgroups.thaw(target.name)


def cut(target: LabHost) -> None:
    """Its cable is pulled: it runs on, alone."""
    _alive(target)
    network.cut(target)


def heal(target: LabHost) -> None:
    """Its cable is plugged in again."""
    _alive(target)
    network.heal(target)


def fill(target: LabHost) -> None:
    """Its disk is filled to the last block."""
    with host.place(target).ballast.open("ab") as file:
        size = os.statvfs(file.fileno()).f_frsize
        piece = max(size, os.statvfs(file.fileno()).f_bavail * size)
        while piece >= size:
            try:
                os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, piece)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                piece //= 2


def unfill(target: LabHost) -> None:
    """Its disk has the room again that it had."""
    host.place(target).ballast.unlink(missing_ok=True)


def rekey(target: LabHost) -> None:
    """It shows another SSH host key than the one pinned, as a reinstalled or an impostor's host would."""
    host.new_host_key(target)


def pin(target: LabHost) -> bool:
    """Pin the key that the host has now; says whether another one was pinned."""
    return operator.pin({target: host.place(target).key.read_text()})


def _alive(target: LabHost) -> None:
    if host.init(target) is None:
        raise LabError(f"{target.name} is dead; `farm lab start {target.name}` starts it")
