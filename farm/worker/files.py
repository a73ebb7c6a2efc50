"""The files of an installed release by their SHA-256: listed when it was staged, compared on demand.

``farm release show --verify`` sends this file to a host's own python3, since a release does not vouch for itself.
"""

import hashlib
import json
import sys
from pathlib import Path

NAME = "FILES.json"
"""{path: SHA-256, or "-> target" of a link}, beside RELEASE.json, which has this file's own SHA-256."""
_APART = {"RELEASE.json", NAME, "pyvenv.cfg"}
"""pyvenv.cfg has the patch level of the host's Python; bytecode is made from what is listed."""


def listed(release: Path) -> dict[str, str]:
    """What stands in the release's folder."""
    return {
        name: f"-> {path.readlink()}" if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(release.rglob("*"))
        if (path.is_symlink() or path.is_file())
        and "__pycache__" not in path.parts
        and (name := str(path.relative_to(release))) not in _APART
    }


def compared(release: Path) -> list[str]:
    """What is not as it was installed, in words; empty where all is."""
    manifest = json.loads((release / "RELEASE.json").read_text())
    if "files" not in manifest:
        return ["it was staged by a farm that kept no hashes"]
    text = (release / NAME).read_bytes() if (release / NAME).exists() else b"{}"
    told, found = json.loads(text), listed(release)
    wrong = []
    if manifest["digest"] != release.name:
        wrong.append(f"RELEASE.json is that of {manifest['digest'][:12]}")
    if manifest["files"] != hashlib.sha256(text).hexdigest():
        wrong.append(f"{NAME} is not the one that was written when it was staged")
    wrong += [f"{name} is gone" for name in told if name not in found]
    wrong += [f"{name} was added" for name in found if name not in told]
    wrong += [f"{name} was changed" for name in told if name in found and told[name] != found[name]]
    return wrong


if __name__ == "__main__":
    print(json.dumps(compared(Path(sys.argv[1]))))
