"""Print as JSON which interpreter this host has, which releases for its kind are complete, and which one is current."""

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
current = root / "current"
print(
    json.dumps(
        {
            "target": [f"{sys.version_info[0]}.{sys.version_info[1]}", f"manylinux_{glibc}_{platform.machine()}"],
            "complete": complete,
            "current": str(current.readlink()) if current.is_symlink() else "",
        }
    )
)
