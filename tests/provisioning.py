"""Runs of provision.yml on the lab, and what the first ones did; for conftest's fixture and the tests of the roles."""

import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from farm import lab
from farm.home import Home

ROOT = Path(__file__).parent.parent
PLAYBOOK = ("env", "ANSIBLE_NOCOLOR=1", "LC_ALL=C.UTF-8", str(Path(sys.executable).with_name("ansible-playbook")))
RECAP = re.compile(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class ProvisionResult:
    returncode: int
    stdout: str
    stderr: str
    changed: dict[str, int]
    """Tasks that changed something, by host."""
    unwell: tuple[str, ...]
    """Hosts that failed or could not be reached."""

    @property
    def output(self) -> str:
        return self.stdout + self.stderr


@dataclass(frozen=True)
class FirstProvision:
    """Check mode and then the real run, on hosts that nobody had touched."""

    check: ProvisionResult
    written_by_check: dict[str, list[str]]
    """Files that are newer than the check's beginning, by host; the head's state under the name head."""
    run: ProvisionResult


def playbook(name: str, *arguments: str, inventory: str = "inventory/lab", timeout: float = 400) -> ProvisionResult:
    """Run one of the project's playbooks, showing differences."""
    done = subprocess.run(
        [*PLAYBOOK, "-i", inventory, name, "--diff", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=timeout,
    )
    recap = RECAP.findall(done.stdout)
    return ProvisionResult(
        done.returncode,
        done.stdout,
        done.stderr,
        {host: int(changed) for host, changed, _, _ in recap},
        tuple(host for host, _, unreachable, failed in recap if int(unreachable) or int(failed)),
    )


def provision(check: bool = False, extra: Iterable[str] = ()) -> ProvisionResult:
    return playbook("provision.yml", *(["--check"] if check else []), *extra)


def first_provision() -> FirstProvision:
    """Provision a bare lab as a careful operator does: look first, then run."""
    before = time.time()
    check = provision(check=True)
    with ThreadPoolExecutor() as pool:
        newer = pool.map(lambda host: written_since(before, host.name), lab.HOSTS)
        written = {host.name: files for host, files in zip(lab.HOSTS, newer, strict=True) if files}
    if state := [str(path) for path in Home("lab").root.rglob("*") if path.lstat().st_mtime > before]:
        written["head"] = state
    return FirstProvision(check, written, provision())


def on(host: str, command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a shell's command line on a host of the lab, as the operator."""
    return subprocess.run(
        lab.ssh_command(lab.find(host), command), input=stdin, capture_output=True, text=True, check=False, timeout=60
    )


def answer(host: str, command: str, stdin: str = "") -> str:
    """What a command that must succeed prints."""
    done = on(host, command, stdin)
    assert done.returncode == 0, f"{command} on {host}: {done.stderr}"
    return done.stdout.strip()


def as_farm(host: str, *options: str) -> list[str]:
    """The ssh command line of the farm's own login; the remote command follows."""
    home = Home("lab")
    return [
        *("ssh", "-o", "BatchMode=yes", "-i", str(home.key), "-o", f"UserKnownHostsFile={home.known_hosts}"),
        *("-o", "GlobalKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=yes", "-F", "/dev/null", *options),
        f"farm@{lab.find(host).address}",
    ]


def secrets() -> dict[str, str]:
    """Every password that provisioning made, by the name of its file."""
    return {path.name: path.read_text() for path in Home("lab").secret("x").parent.iterdir() if path.suffix != ".cnf"}


def written_since(moment: float, host: str) -> list[str]:
    """Files that were written after a moment; what every login and the journal write is left out."""
    apart = ("/proc", "/sys", "/dev", "/run", "/tmp", "/var/log", "/var/lib/systemd")
    paths = " -o ".join(f"-path {shlex.quote(path)}" for path in apart)
    found = answer(host, f"find / -xdev \\( {paths} \\) -prune -o -newerct @{moment:.3f} -print")
    return [path for path in found.splitlines() if path not in apart]
