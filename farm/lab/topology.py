"""What the lab consists of: its hosts, their addresses and the sizes of their disks."""

from dataclasses import dataclass

from farm.errors import LabError

BRIDGE = "farmlab0"
NETWORK = "198.18.77.0/24"
"""Of the block reserved for benchmarks, which no user's network has."""
HEAD = "198.18.77.1"

GIB = 1 << 30


@dataclass(frozen=True)
class LabHost:
    """One host. ``disk`` is the size in bytes of what it can write; it takes space only as it is filled."""

    name: str
    address: str
    disk: int

    @property
    def link(self) -> str:
        """This machine's end of the host's cable."""
        return f"vb-{self.name}"


HOSTS = (
    *(LabHost(f"w{n}", f"198.18.77.{10 + n}", 6 * GIB) for n in range(1, 5)),
    LabHost("c1", "198.18.77.21", 20 * GIB),
    *(LabHost(f"g{n}", f"198.18.77.{30 + n}", 4 * GIB) for n in range(1, 4)),
)


def find(name: str) -> LabHost:
    """The host of that name. Raises LabError where the lab has none."""
    for host in HOSTS:
        if host.name == name:
            return host
    raise LabError(f"the lab has no host {name!r}; its hosts are {', '.join(host.name for host in HOSTS)}")
