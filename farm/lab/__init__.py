"""The lab: a whole cluster on this machine, of Debian hosts made with systemd-nspawn over one cached image."""

from farm.lab.api import Up, cut, down, fill, freeze, heal, kill, pin, reboot, rekey, start, thaw, unfill, up
from farm.lab.machine import HEAD_PACKAGES, preflight
from farm.lab.operator import ssh_command
from farm.lab.progress import steps
from farm.lab.status import HostStatus, LabStatus, status
from farm.lab.topology import BRIDGE, HOSTS, LabHost, find

__all__ = [
    "BRIDGE",
    "HEAD_PACKAGES",
    "HOSTS",
    "HostStatus",
    "LabHost",
    "LabStatus",
    "Up",
    "cut",
    "down",
    "fill",
    "find",
    "freeze",
    "heal",
    "kill",
    "pin",
    "preflight",
    "reboot",
    "rekey",
    "ssh_command",
    "start",
    "status",
    "steps",
    "thaw",
    "unfill",
    "up",
]
