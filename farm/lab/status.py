"""How the lab's hosts are."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from farm.errors import LabError
from farm.lab import cgroups, host, machine, network, operator, state
from farm.lab.topology import HOSTS, LabHost


@dataclass(frozen=True)
class HostStatus:
    """One host. ``state`` is dead, frozen, cut, full, rekeyed, or else what its systemd says; disk in bytes."""

    name: str
    address: str
    state: str
    systemd: str
    disk_used: int
    disk_size: int


@dataclass(frozen=True)
class LabStatus:
    owner: str
    image: str
    hosts: tuple[HostStatus, ...]

    @property
    def well(self) -> bool:
        """Whether every host runs, without a fault."""
        return all(each.state == "running" for each in self.hosts)


def status() -> LabStatus:
    """How the lab is, whoever's it is. Raises LabError where none is up."""
    machine.require_root()
    record = state.read()
    if record is None or not record.complete or record.boot != state.boot():
        raise LabError("no lab is up; `farm lab up` makes one")
    with ThreadPoolExecutor(len(HOSTS)) as pool:
        return LabStatus(record.owner, record.image, tuple(pool.map(_look, HOSTS)))


def _look(target: LabHost) -> HostStatus:
    word = host.systemd_says(target)
    disk = os.statvfs(host.place(target).disk)
    size = disk.f_blocks * disk.f_frsize
    return HostStatus(
        name=target.name,
        address=target.address,
        state=_fault(target) or word or "silent",
        systemd=word,
        disk_used=size - disk.f_bfree * disk.f_frsize,
        disk_size=size,
    )


def _fault(target: LabHost) -> str:
    here = host.place(target)
    if host.init(target) is None:
        return "dead"
    if cgroups.is_frozen(target.name):
        return "frozen"
    if network.is_cut(target):
        return "cut"
    if here.ballast.exists():
        return "full"
    return "" if operator.is_pinned(target, here.key.read_text()) else "rekeyed"
