"""One host: its disk, its identity, its boot and its end."""

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from farm.errors import LabError
from farm.lab import cgroups, mounts, operator
from farm.lab.command import run
from farm.lab.state import ROOT
from farm.lab.topology import BRIDGE, HOSTS, NETWORK, LabHost

HOSTS_DIR = ROOT / "hosts"
NSPAWN = Path("/run/systemd/nspawn")
BOOT_SECONDS = 90
BOOT_AGAIN = 133
"""With this exit code nspawn asks whoever started it to boot the host again."""


@dataclass(frozen=True)
class Place:
    """Where a host's files stand: ``image`` holds its ``disk``, and ``root`` is what the host sees."""

    folder: Path

    @property
    def image(self) -> Path:
        return self.folder / "disk.img"

    @property
    def disk(self) -> Path:
        return self.folder / "disk"

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def console(self) -> Path:
        return self.folder / "console.log"

    @property
    def ballast(self) -> Path:
        """What fills the disk, outside of what the host sees."""
        return self.disk / "ballast"

    @property
    def key(self) -> Path:
        """The public half of its SSH host key."""
        return self.root / "etc/ssh/ssh_host_ed25519_key.pub"


def place(host: LabHost) -> Place:
    return Place(HOSTS_DIR / host.name)


def make(host: LabHost, image: Path) -> None:
    """Make a host's disk and put into it what makes this host this one. It knows nothing but its operator's key."""
    here = place(host)
    for folder in (here.disk, here.root):
        folder.mkdir(parents=True)
    with here.image.open("wb") as file:
        file.truncate(host.disk)
    # Without a journal: the file system lives as long as this machine's boot, and a killed host loses nothing of it.
    run("mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", "-E", "lazy_itable_init=1,nodiscard", str(here.image))
    run("mount", "-o", "loop,noatime", str(here.image), str(here.disk))
    upper, work = here.disk / "upper", here.disk / "work"
    upper.mkdir()
    work.mkdir()
    run("mount", "-t", "overlay", "-o", f"lowerdir={image},upperdir={upper},workdir={work}", "overlay", str(here.root))
    _write(here.root / "etc/machine-id", f"{secrets.token_hex(16)}\n", 0o444)
    _write(here.root / "etc/hostname", f"{host.name}\n")
    _write(here.root / "etc/hosts", f"127.0.0.1 localhost\n{host.address} {host.name}\n")
    _write(here.root / "etc/resolv.conf", "# A host of the lab resolves no names.\n")
    _write(here.root / "etc/systemd/network/10-host0.network", _network(host))
    _write(here.root / "root/.ssh/authorized_keys", operator.public_key(), 0o600)
    new_host_key(host)


def _network(host: LabHost) -> str:
    prefix = NETWORK.partition("/")[2]
    return f"""[Match]
Name=host0

[Network]
Address={host.address}/{prefix}
LinkLocalAddressing=no
IPv6AcceptRA=no
"""


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def new_host_key(host: LabHost) -> None:
    """Give the host another SSH key; its pin stays what it was."""
    key = place(host).key.with_suffix("")
    fresh = key.with_name("fresh")
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", host.name, "-f", str(fresh))
    fresh.rename(key)
    fresh.with_suffix(".pub").rename(place(host).key)


def boot(host: LabHost) -> None:
    """Start the host's own systemd, in its own cgroups, on the bridge, and keep starting it when it reboots.

    Returns at once. Raises LabError, with the last lines of its console, where something of it still runs.
    """
    here = place(host)
    argv = ["systemd-nspawn", "--quiet", "--boot", f"--directory={here.root}", f"--machine={host.name}"]
    argv += ["--register=no", "--keep-unit", "--settings=no", f"--network-bridge={BRIDGE}", "--console=read-only"]
    argv += ["--link-journal=no", "--resolv-conf=off", "--timezone=off"]
    again = f'while "$@"; test $? -eq {BOOT_AGAIN}; do :; done'
    keeper = ["setsid", "--fork", "sh", "-c", again, "sh", *cgroups.inside(host.name, argv)]
    with here.console.open("ab") as console:
        done = subprocess.run(
            cgroups.inside(f"{host.name}-keeper", keeper),
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            cwd="/",
            check=False,
        )
    if done.returncode:
        raise LabError(f"{host.name} could not be started:\n  {_last_words(host)}")


def init(host: LabHost) -> int | None:
    """Id, on this machine, of the host's own process 1; None where the host is dead."""
    for pid in cgroups.processes(host.name):
        with suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text()
            fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
            if fields["NSpid"].split()[1:] == ["1"] and not fields["State"].strip().startswith("Z"):
                return pid
    return None


def kill(host: LabHost) -> None:
    """End the host as if its power failed, and wait until nothing of it runs."""
    pid = init(host)
    if pid is None:
        raise LabError(f"{host.name} is dead already; `farm lab start {host.name}` starts it")
    os.kill(pid, signal.SIGKILL)
    cgroups.thaw(host.name)
    cgroups.wait_empty(host.name)


def reboot(host: LabHost) -> None:
    """Have the host's systemd shut down and boot again, and wait until it has."""
    before = init(host)
    if before is None:
        raise LabError(f"{host.name} is dead; `farm lab start {host.name}` starts it")
    os.kill(before, signal.SIGRTMIN + 5)
    end = time.monotonic() + BOOT_SECONDS
    while init(host) in (before, None):
        if time.monotonic() > end or not cgroups.processes(f"{host.name}-keeper"):
            raise LabError(f"{host.name} did not boot again:\n  {_last_words(host)}")
        time.sleep(0.05)
    wait_answering(host)


def systemd_says(host: LabHost) -> str:
    """`systemctl is-system-running` on the host: running, starting, degraded, ...; "" where nobody answers.

    It is asked past the host's network.
    """
    pid = init(host)
    if pid is None or cgroups.is_frozen(host.name):
        return ""
    argv = ["nsenter", f"--target={pid}", "--mount", "--pid", "--net", "--", "systemctl", "is-system-running"]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=5, check=False)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.strip()


def wait_answering(host: LabHost) -> None:
    """Wait until the host's sshd answers and lets every user in.

    Raises LabError with the last lines of its console where it dies or takes too long.
    """
    end = time.monotonic() + BOOT_SECONDS
    while not _answers(host):
        if time.monotonic() > end or not cgroups.processes(f"{host.name}-keeper"):
            raise LabError(f"{host.name} did not come up:\n  {_last_words(host)}")
        time.sleep(0.05)


def _answers(host: LabHost) -> bool:
    pid = init(host)
    if pid is None or Path(f"/proc/{pid}/root/run/nologin").exists():
        return False
    try:
        with socket.create_connection((host.address, 22), timeout=1) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def wait_running(host: LabHost) -> None:
    """Wait until the host answers and its systemd says `running`.

    Raises LabError, naming the units, where some failed.
    """
    wait_answering(host)
    end = time.monotonic() + BOOT_SECONDS
    while (word := systemd_says(host)) != "running":
        if word == "degraded" or time.monotonic() > end:
            raise LabError(f"{host.name} is {word or 'silent'} after its boot; units that failed: {failed_units(host)}")
        time.sleep(0.1)


def failed_units(host: LabHost) -> str:
    entry = ("nsenter", f"--target={init(host)}", "--mount", "--pid", "--")
    listed = run(*entry, "systemctl", "list-units", "--failed", "--plain", "--no-legend")
    return ", ".join(line.split()[0] for line in listed.splitlines()) or "none"


def _last_words(host: LabHost) -> str:
    """The end of what the host's console showed, without its colours."""
    with suppress(OSError):
        shown = re.sub(r"\x1b\[[0-9;]*[a-zA-Z]", "", place(host).console.read_text(errors="replace"))
        return "\n  ".join([line.strip() for line in shown.splitlines() if line.strip()][-8:])
    return ""


def destroy_all() -> None:
    """Unmount and remove every host's files, and what nspawn left of them. Nothing of them may run any more."""
    for host in HOSTS:
        with suppress(FileNotFoundError):
            root = place(host).root.stat()
            (NSPAWN / "locks" / f"inode-{root.st_dev}:{root.st_ino}").unlink()
        with suppress(FileNotFoundError):
            (NSPAWN / "propagate" / host.name).rmdir()
    mounts.clear(HOSTS_DIR)
    shutil.rmtree(HOSTS_DIR, ignore_errors=True)
    for folder in (NSPAWN / "locks", NSPAWN / "propagate", NSPAWN):
        with suppress(OSError):
            folder.rmdir()
