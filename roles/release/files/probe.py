"""Print as JSON which interpreter this host has, which releases for its kind are complete, and where the links lead."""

import json
import os
import platform
import sys
from pathlib import Path

root, kind = Path(sys.argv[1]), sys.argv[2]
complete = [
    path.parent.name for path in root.glob("releases/*/RELEASE.json") if json.loads(path.read_text())["kind"] == kind
]
glibc = os.confstr("CS_GNU_LIBC_VERSION").split()[-1].replace(".", "_")
links = [root / name for name in ("current", "previous", "restarted")]
current, previous, restarted = (str(link.readlink()) if link.is_symlink() else "" for link in links)
there = previous != current and Path(previous, "RELEASE.json").exists()
print(
    json.dumps(
        {
            "target": [f"{sys.version_info[0]}.{sys.version_info[1]}", f"manylinux_{glibc}_{platform.machine()}"],
            "complete": complete,
            "current": current,
            "now": Path(current).name,
            "previous": previous,
            "former": Path(previous).name if there else "",
            "restarted": Path(restarted).name,
        }
    )
)
