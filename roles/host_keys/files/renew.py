"""Another SSH host key for every one that sshd has, in two steps; prints as JSON the public halves.

``make`` puts the next keys beside the present ones, where nobody is shown them. ``show`` has sshd show them: each step
is a rename, so that one that was interrupted is finished by the next.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

SECONDS = 15


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def public(path):
    return Path(f"{path}.pub")


def configured(word):
    """What sshd's configuration says to a word, as often as it does."""
    said = [line.split(maxsplit=1) for line in run("/usr/sbin/sshd", "-T").splitlines()]
    return [words[1] for words in said if words[0] == word]


def present():
    """The key files that sshd is configured with and that are there."""
    return [path for path in map(Path, configured("hostkey")) if path.exists()]


def kind(path):
    name = public(path).read_text().split()[0]
    return "ecdsa" if name.startswith("ecdsa") else name.removeprefix("ssh-")


def make(path, write):
    """Make the successor of a key where there is none; says whether there was none. Its public half comes last."""
    following = Path(f"{path}.next")
    if public(following).exists():
        return False
    if write:
        made = path.with_name(f"{path.name}.made")
        for old in (made, public(made)):
            old.unlink(missing_ok=True)
        run("ssh-keygen", "-q", "-t", kind(path), "-N", "", "-C", os.uname().nodename, "-f", str(made))
        os.sync()
        made.rename(following)
        public(made).rename(public(following))
    return True


def show(path):
    following = Path(f"{path}.next")
    if following.exists():
        following.rename(path)
    if public(following).exists():
        public(following).rename(public(path))


def shown():
    """The keys that a client of this host is shown now: pairs of kind and key."""
    address, _, port = configured("listenaddress")[0].rpartition(":")
    scan = ["ssh-keyscan", "-T", "5", "-p", port, address.strip("[]")]
    said = subprocess.run(scan, capture_output=True, text=True, check=False).stdout
    return {tuple(line.split()[1:3]) for line in said.splitlines() if line and not line.startswith("#")}


def wait_until_shown(keys):
    deadline = time.monotonic() + SECONDS
    while not keys <= shown():
        if time.monotonic() > deadline:
            sys.exit(f"sshd did not show its next keys in {SECONDS} s: see journalctl --unit ssh")
        time.sleep(0.2)


def main():
    step, write = sys.argv[1], sys.argv[2] == "--write"
    paths = present()
    changed = False
    if step == "make":
        made = [make(path, write) for path in paths]
        changed = any(made)
    else:
        for path in paths:
            show(path)
        os.sync()
    files = [public(f"{path}.next" if step == "make" else path) for path in paths]
    keys = [file.read_text().split()[:2] for file in files if file.exists()]
    if step == "show":
        run("systemctl", "reload", "ssh")
        wait_until_shown({tuple(key) for key in keys})
    print(json.dumps({"changed": changed, "keys": [" ".join(key) for key in keys]}))


main()
