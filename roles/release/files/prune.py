"""Take away releases that nobody needs: prune.py ROOT --check|--write DIGEST...

Takes those that are named, but for one that is current or previous here, or that a process of this host works with.
Prints as JSON which went. A release loses RELEASE.json first, so that half of one is never taken for a whole.
"""

import fcntl
import json
import os
import sys
from pathlib import Path
from shutil import rmtree


def in_use(folder):
    mark = os.fsencode(f"{folder}/")
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("maps", "cmdline"):
            try:
                if mark in (process / name).read_bytes():
                    return True
            except OSError:  # it has ended
                continue
    return False


def main():
    root, look, *digests = sys.argv[1:]
    write = look == "--write" and Path(root, "releases").is_dir()
    if write:  # whoever stages has the same lock
        fcntl.flock(os.open(f"{root}/releases/.lock", os.O_RDWR | os.O_CREAT, 0o644), fcntl.LOCK_EX)
    linked = {(Path(root) / name).resolve().name for name in ("current", "previous")}
    folders = [Path(root, "releases", digest) for digest in digests if digest not in linked]
    gone = [folder for folder in folders if folder.is_dir() and not in_use(folder)]
    for folder in gone if write else ():
        (folder / "RELEASE.json").unlink(missing_ok=True)
        os.sync()
        rmtree(folder)
    print(json.dumps([folder.name for folder in gone]))


main()
