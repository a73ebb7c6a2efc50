"""Another machine within this one: where a test may make, break and end a lab while the tests' own stands untouched."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from farm.lab import cgroups, find, ssh_command
from farm.lab.state import CHECKOUT, ROOT

GROUP = "farm-lab-elsewhere"

PROCESS_1 = """
set -eu
mount --make-rprivate /
for point in $(tac /proc/self/mountinfo | awk '{{ print $5 }}' | grep '^{root}/'); do umount --lazy "$point"; done
mount -t overlay -o lowerdir={root}/image,upperdir={own}/upper,workdir={own}/work none {own}/lab/image
mount --rbind {own}/lab {root}
mount -t tmpfs tmpfs /run
mount -t sysfs none /sys
ip link set lo up
{cgroups}
echo ready
while read -r line; do :; done
"""
"""Its end comes with the end of its input, and that of its processes, mounts and network with it."""

PROGRAM = "import sys; sys.argv[0] = 'farm'; from farm.main import main; main()"


@dataclass(frozen=True)
class Machine:
    """Namespaces in which this machine looks like another one, whose only possession is the lab's image."""

    process_1: int
    lab: Path
    """Its lab's folder, as seen from here."""
    home: Path

    def command(self, *argv: str) -> list[str]:
        return ["nsenter", f"--target={self.process_1}", "--all", "env", f"FARM_HOME={self.home}", *argv]

    def on(self, host: str, script: str) -> "subprocess.CompletedProcess[str]":
        """What a shell command line does on a host of the lab there, as its operator."""
        argv = self.command(*ssh_command(find(host), script))
        return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)

    def says(self, host: str, script: str) -> str:
        """What a shell command line prints on a host. It must succeed."""
        done = self.on(host, script)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def states(self) -> dict[str, str]:
        done = self.farm("lab", "status", "--json")
        return {host["name"]: host["state"] for host in json.loads(done.stdout)["hosts"]}

    def run(self, *argv: str) -> str:
        """What a command prints there. It must succeed."""
        done = subprocess.run(self.command(*argv), capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def farm_command(self, *argv: str, checkout: Path = CHECKOUT, **environment: str) -> list[str]:
        settings = [f"{name}={value}" for name, value in {"PYTHONPATH": str(checkout), **environment}.items()]
        return self.command("env", *settings, sys.executable, "-c", PROGRAM, *argv)

    def farm(self, *argv: str, checkout: Path = CHECKOUT, **environment: str) -> "subprocess.CompletedProcess[str]":
        """The farm's CLI there, of one checkout or another."""
        command = self.farm_command(*argv, checkout=checkout, **environment)
        return subprocess.run(command, capture_output=True, text=True, timeout=100, cwd="/", check=False)


@contextmanager
def machine(own: Path, cgroup_mounts: str) -> Iterator[Machine]:
    """Another machine whose state stands in the folder ``own``."""
    for folder in ("lab/image", "upper", "work"):
        (own / folder).mkdir(parents=True)
    script = PROCESS_1.format(root=ROOT, own=own, cgroups=cgroup_mounts)
    groups = [hierarchy / GROUP for hierarchy in cgroups.hierarchies()]
    for group in groups:
        cgroups.make(group)
        (group / "root").mkdir(exist_ok=True)
    joins = " && ".join(f"echo $$ > {group}/root/cgroup.procs" for group in groups)
    flags = ["--mount", "--net", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child", "--mount-proc"]
    argv = ["bash", "-c", f'{joins} && exec "$@"', "bash", "unshare", *flags, "bash", "-c", script]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as unshare:
        assert unshare.stdin is not None
        assert unshare.stdout is not None
        try:
            assert unshare.stdout.readline() == "ready\n"
            child = Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children").read_text().split()
            yield Machine(int(child[0]), own / "lab", own / "home")
        finally:
            unshare.stdin.close()
            unshare.wait(timeout=20)
            for group in groups:
                cgroups.remove(group)


def as_here() -> str:
    """Commands that mount the cgroup hierarchies of this machine, as seen from the other."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    found = ["mount -t tmpfs none /sys/fs/cgroup"] if any(mount[2] == "cgroup" for mount in mounts) else []
    for _, point, kind, options, *_ in mounts:
        if kind in ("cgroup", "cgroup2"):
            found.append(f"mkdir -p {point} && mount -t {kind} -o {options.removeprefix('rw,relatime,')} none {point}")
    return "\n".join(found)


CGROUP_MOUNTS: dict[str, Callable[[], str]] = {
    "cgroups as here": as_here,
    "cgroup v2 alone": lambda: "mount -t cgroup2 none /sys/fs/cgroup",
}
