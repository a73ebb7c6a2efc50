"""Make a release current: switch.py ROOT FOLDER PREVIOUS [--check].

PREVIOUS says where the link `previous` leads afterwards: `former`, to the release that was current; `none`, nowhere; or
a folder. Prints what changes, nothing where FOLDER is current already. Each link changes by one rename: whoever follows
it finds one release or the other. Killed in between, `previous` may lead where `current` does, which means nowhere.
"""

import os
import sys
from pathlib import Path


def leads_to(link):
    return str(link.readlink()) if link.is_symlink() else ""


def lead(link, target):
    if not target:
        link.unlink(missing_ok=True)
        return
    fresh = link.with_name(f"{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)


def main():
    root, folder, previous = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    before = leads_to(root / "current")
    if before == folder:
        return
    print(f"{before or 'nothing'} -> {folder}")
    if "--check" in sys.argv:
        return
    if not Path(folder, "RELEASE.json").exists():
        sys.exit(f"{folder} is not a complete release: it was not staged, or taken away meanwhile")
    if previous == "former":
        lead(root / "previous", before)
    lead(root / "current", folder)
    if previous != "former":
        lead(root / "previous", "" if previous == "none" else previous)
    os.sync()


main()
