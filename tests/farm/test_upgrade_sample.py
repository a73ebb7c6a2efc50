"""The canary's program: what it asks of both releases."""

import json
import subprocess
import sys
from pathlib import Path

from provisioning import ROOT

SAMPLE = ROOT / "roles" / "upgrade" / "files" / "sample.py"
REBUILD = """#!/bin/sh
for word; do case "$word" in --out=*) out="${word#--out=}";; esac; done
echo "$@" >> "$0.asked"
echo diaObjectId > "$out"
echo '{"objects": 7}' > "${out%.csv}.json"
"""


def release(folder: Path) -> Path:
    """This code as if it were installed, but for Cassandra."""
    (folder / "bin").mkdir(parents=True)
    python = f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} "$@"\n'
    for name, text in (("python", python), ("rebuild_objects", REBUILD)):
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    (folder / "lib" / "python3").mkdir(parents=True)
    (folder / "lib" / "python3" / "site-packages").symlink_to(ROOT)
    return folder


def test_living_objects_are_computed_with_the_maps_that_lie_on_the_worker(tmp_path: Path) -> None:
    old, new = release(tmp_path / "old"), release(tmp_path / "new")
    given = json.dumps({"ebv": "/srv/the dust", "sherlock": "classified"})
    command = [sys.executable, str(SAMPLE), str(old), str(new), "lsst", "", "5", given]
    said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert said["golden"]["objects"] >= 20
    for each in (old, new):
        asked = (each / "bin" / "rebuild_objects.asked").read_text()
        assert "--given=ebv=/srv/the dust" in asked
        assert "sherlock" not in asked
