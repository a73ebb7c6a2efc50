"""What this machine lacks for a lab, found before anything is made."""

import os
import shutil
import subprocess
from pathlib import Path

from farm.errors import LabError, SetupError
from farm.lab import cgroups
from farm.lab.image import SUITE

HEAD_PACKAGES = ("e2fsprogs", "iproute2", "mmdebstrap", "mount", "openssh-client", "systemd-container", "util-linux")
"""Debian packages that this machine needs to make a lab."""

NEEDS_ROOT = "`farm lab` makes whole hosts, which needs root: run it as root, with sudo for example"

_TOOLS = {
    "mkfs.ext4": "e2fsprogs",
    "ip": "iproute2",
    "mmdebstrap": "mmdebstrap",
    "mount": "mount",
    "ssh-keygen": "openssh-client",
    "systemd-nspawn": "systemd-container",
    "nsenter": "util-linux",
    "setsid": "util-linux",
    "unshare": "util-linux",
}

_TRIALS = {
    "namespaces, which its hosts live in": "true",
    "mounting overlays, which its hosts' file systems are": (
        "mount -t tmpfs none /mnt && mkdir /mnt/l /mnt/u /mnt/w /mnt/m"
        " && mount -t overlay -o lowerdir=/mnt/l,upperdir=/mnt/u,workdir=/mnt/w none /mnt/m"
    ),
    "network bridges, which its hosts hang on": (
        "ip link add farmtrial type bridge && ip link add va type veth peer name vb"
    ),
}
"""What a lab does and a machine may forbid: in words, and as a trial in namespaces that end with it."""


_GROUPS = "cgroups, which its hosts are kept apart by"
_ELSEWHERE = "use a real or virtual machine, or a privileged container"


def preflight() -> list[str]:
    """What stands in the way of a lab on this machine, a sentence each, with what to do. Changes nothing."""
    if os.geteuid() != 0:
        return [NEEDS_ROOT]
    if lacking := sorted({package for tool, package in _TOOLS.items() if shutil.which(tool) is None}):
        return [f"tools are missing: install them with `apt-get install {' '.join(lacking)}`"]
    found = [_debian(), _cgroups(), *(_trial(what, script) for what, script in _TRIALS.items()), _loop()]
    return [problem for problem in found if problem]


def _debian() -> str:
    release = Path("/etc/os-release").read_text()
    fields = dict(line.split("=", 1) for line in release.splitlines() if "=" in line)
    if fields.get("VERSION_CODENAME", "").strip('"') == SUITE:
        return ""
    name = fields.get("PRETTY_NAME", "of an unknown system")
    return f"this machine is {name}, and the lab is made from Debian 12 ({SUITE}): use such a machine"


def _cgroups() -> str:
    try:
        for hierarchy in cgroups.hierarchies():
            trial = hierarchy / f"farm-lab-trial-{os.getpid()}"
            trial.mkdir()
            trial.rmdir()
    except LabError as error:
        return str(error)
    except OSError as error:
        return f"this machine does not permit {_GROUPS} ({error}): {_ELSEWHERE}"
    return ""


def _trial(what: str, script: str) -> str:
    argv = ["unshare", "--mount", "--net", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "sh", "-c", script]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    if not done.returncode:
        return ""
    reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    return f"this machine does not permit {what} ({reason}): {_ELSEWHERE}"


def _loop() -> str:
    if Path("/dev/loop-control").exists():
        return ""
    return "this machine has no loop devices, which its hosts' disks are: load them with `modprobe loop`"


def require() -> None:
    """Raises SetupError with all that is missing."""
    if problems := preflight():
        raise SetupError("; ".join(problems))


def require_root() -> None:
    """Raises SetupError for an unprivileged user."""
    if os.geteuid() != 0:
        raise SetupError(NEEDS_ROOT)
