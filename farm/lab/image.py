"""The image that all hosts share: a Debian tree made once from this machine's own apt sources, and kept.

It carries every package that the roles name, since a lab's host reaches no registry; the services of those packages
are masked, so that a role finds them as it would find them on a machine where nobody configured them yet.
"""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from farm.errors import LabError, SetupError
from farm.lab import cgroups, mounts
from farm.lab.state import CHECKOUT, ROOT

SUITE = "bookworm"
IMAGES = ROOT / "image"

BASE = ("systemd", "systemd-sysv", "dbus", "openssh-server", "iproute2", "iputils-ping", "procps", "python3", "sudo")
"""What makes a tree a host that an operator can log in to."""

KEPT = ("ssh.service", "remote-fs.target")
"""Services that the image starts beside systemd's own; those of all other packages are masked."""

_BEFORE = 'mkdir -p "$1/usr/share/man/man1"'
"""Java's packages cannot be configured without that folder."""

_DPKG = ("force-unsafe-io", *(f"path-exclude=/usr/share/{name}/*" for name in ("man", "locale", "doc", "info")))

# Password prompts are masked for their inotify instances: all hosts share this machine's, 128 by default.
_AFTER = f"""
set -eu
cd "$1"
for unit in $(ls etc/systemd/system/multi-user.target.wants); do
    case " {" ".join(KEPT)} " in *" $unit "*) continue ;; esac
    systemctl --root=. --quiet disable "$unit"
    systemctl --root=. --quiet mask "$unit"
done
systemctl --root=. --quiet mask console-getty.service getty.target systemd-networkd-wait-online.service \\
    systemd-ask-password-console.path systemd-ask-password-wall.path \\
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer systemd-pstore.service
systemctl --root=. --quiet enable systemd-networkd.service
systemctl --root=. --quiet set-default multi-user.target
sed -i '/pam_motd\\|pam_mail/d' etc/pam.d/sshd
rm -f etc/ssh/ssh_host_* etc/hostname etc/resolv.conf etc/machine-id var/lib/dbus/machine-id
ln -s /etc/machine-id var/lib/dbus/machine-id
echo LANG=C.UTF-8 > etc/default/locale
cat > etc/ssh/sshd_config.d/lab.conf <<END
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
PasswordAuthentication no
UseDNS no
END
"""


def packages(roles: Path = CHECKOUT / "roles") -> tuple[str, ...]:
    """All Debian packages that the lab and the roles need, sorted.

    A role declares its own in ``defaults/main.yml`` as ``<role>_packages``.
    Raises SetupError for anything but a list of names there.
    """
    import yaml

    wanted = set(BASE)
    for path in sorted(roles.glob("*/defaults/main.yml")):
        name = f"{path.parts[-3]}_packages"
        declared = (yaml.safe_load(path.read_text()) or {}).get(name, [])
        if not isinstance(declared, list) or not all(isinstance(package, str) for package in declared):
            raise SetupError(f"{path}: {name} must be a list of names of Debian packages")
        wanted.update(declared)
    return tuple(sorted(wanted))


def digest(names: Iterable[str]) -> str:
    """Name of the image of these packages, made by this recipe: 16 hexadecimal digits."""
    recipe = json.dumps([SUITE, sorted(names), _BEFORE, _DPKG, _AFTER])
    return hashlib.sha256(recipe.encode()).hexdigest()[:16]


def path(name: str) -> Path:
    return IMAGES / name


def build(names: tuple[str, ...], sources: str) -> Path:
    """Build the image of these packages from the apt ``sources``; it takes its name only when it is whole.

    Raises LabError, with the last lines of the builder's log, where it cannot be built.
    """
    IMAGES.mkdir(exist_ok=True)
    final = path(digest(names))
    fresh, log = final.with_suffix(".part"), ROOT / "image.log"
    argv = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory", f"--include={','.join(names)}"]
    argv += [f"--dpkgopt={option}" for option in _DPKG]
    argv += [f"--setup-hook={_BEFORE}", f"--customize-hook={_AFTER}", SUITE, str(fresh), "-"]
    with log.open("w") as output:
        builder = cgroups.inside("image", argv)
        done = subprocess.run(builder, input=sources, text=True, stdout=output, stderr=output, check=False)
    if done.returncode:
        last = "\n  ".join(log.read_text(errors="replace").strip().splitlines()[-8:])
        raise LabError(f"the image could not be built (are this machine's apt sources reachable?):\n  {last}")
    log.unlink()
    fresh.rename(final)
    return final


def clear(keep: str) -> None:
    """Remove every image but the one named ``keep``."""
    for old in IMAGES.iterdir():
        if old.name != keep:
            shutil.rmtree(old)


def clear_unfinished() -> None:
    """Remove what an interrupted `build` left."""
    for part in IMAGES.glob("*.part"):
        mounts.clear(part)
        shutil.rmtree(part)
    (ROOT / "image.log").unlink(missing_ok=True)
