"""Put onto this machine what the toolkit's head needs, before its virtual environment exists.

Run as ``python3.11 -m farm.head_setup [--no-lab | --tests]`` by the Makefile; standard library only.
"""

import argparse
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from farm.errors import Exit, FarmError, SetupError

PACKAGES = Path(__file__).parent.parent / "requirements" / "debian.txt"
TESTS = PACKAGES.with_name("debian-test.txt")


def packages(text: str) -> list[str]:
    """Names of the Debian packages in ``text``, one a line, ``#`` starts a comment."""
    names = (line.split("#")[0].strip() for line in text.splitlines())
    return [name for name in names if name]


def missing(names: list[str]) -> list[str]:
    """Those of ``names`` that dpkg does not know as installed."""
    if not names:
        return []
    shown = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *names],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    installed = {line.split()[0] for line in shown.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in names if name not in installed]


def release_of(os_release: str) -> tuple[str, str]:
    """ID and VERSION_ID of an os-release file's text."""
    pairs = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    return pairs.get("ID", "").strip('"'), pairs.get("VERSION_ID", "").strip('"')


def install(names: list[str]) -> None:
    """Install Debian packages.

    Raises:
        SetupError: this is not Debian 12, not root, or the packages cannot be had.
    """
    system = Path("/etc/os-release")
    found = release_of(system.read_text()) if system.exists() else ("unknown", "")
    line = f"apt-get install {' '.join(names)}"
    if found != ("debian", "12"):
        raise SetupError(f"this machine is {' '.join(found)}, the head is made for Debian 12; missing here: {line}")
    if os.geteuid() != 0:
        raise SetupError(f"packages are missing and only root can install them: sudo {line}")
    sys.stderr.write(f"installing {' '.join(names)}\n")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *names]):
        done = subprocess.run(
            ["apt-get", "-qq", "-o", "Dpkg::Use-Pty=0", *arguments],
            env=environment, check=False, stdout=sys.stderr,
        )  # fmt: skip
        if done.returncode:
            raise SetupError(
                f"apt-get {arguments[0]} failed, its own words stand above; is a Debian mirror reachable? {line}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(prog="farm.head_setup", description="Install what the head needs.")
    parser.add_argument("--no-lab", action="store_true", help="only what tests without a lab need")
    parser.add_argument("--tests", action="store_true", help="what the tests need besides")
    arguments = parser.parse_args()
    wanted = packages(PACKAGES.read_text())
    if arguments.tests:
        wanted += packages(TESTS.read_text())
    if arguments.no_lab:
        wanted = [] if find_spec("ensurepip") else wanted[:1]
    try:
        if absent := missing(wanted):
            install(absent)
    except FileNotFoundError as error:
        sys.stderr.write(f"farm: {error.filename} is not on this machine; the head is made for Debian 12\n")
        sys.exit(Exit.SETUP)
    except FarmError as error:
        sys.stderr.write(f"farm: {error}\n")
        sys.exit(error.exit)


if __name__ == "__main__":
    main()
