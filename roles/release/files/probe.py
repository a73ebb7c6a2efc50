"""Print as JSON which interpreter this host has, which releases are complete on it, and which one is current."""

import json
import os
import platform
import sys
from pathlib import Path

root = Path(sys.argv[1])
glibc = os.confstr("CS_GNU_LIBC_VERSION").split()[-1].replace(".", "_")
current = root / "current"
print(
    json.dumps(
        {
            "target": [f"{sys.version_info[0]}.{sys.version_info[1]}", f"manylinux_{glibc}_{platform.machine()}"],
            "complete": [path.parent.name for path in root.glob("releases/*/RELEASE.json")],
            "current": os.readlink(current) if current.is_symlink() else "",
        }
    )
)
