"""Make the release of an unpacked archive, in its final place: a venv does not move.

Run by the host's python3 with that folder as its argument. Offline; RELEASE.json is the last thing that it writes.
It holds the lock of the folder above, so that one that a killed playbook left has ended before the next one begins.
"""

import fcntl
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from shutil import rmtree

PIP = "/usr/share/python-wheels"


def run(*command, **environment):
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, env=os.environ | environment
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-2000:]}")
    return done.stdout


def install(release):
    pip = next(Path(PIP).glob("pip-*.whl"), None)
    if pip is None:
        sys.exit(f"there is no pip in {PIP}: install python3-venv")
    python = str(release / "bin/python")
    run("python3", "-m", "venv", "--without-pip", str(release))
    run(
        *(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir", "--no-compile"),
        *("--no-index", "--find-links", str(release / "wheels"), "--require-hashes"),
        *("--requirement", str(release / "requirements.txt")),
        PYTHONPATH=str(pip),
        PIP_CONFIG_FILE=os.devnull,
    )
    # The farm's user cannot write bytecode here; the dependencies' own tests need none.
    run(python, "-m", "compileall", "-q", "-x", "/tests?/", str(release / "lib"))


SELF_TEST = """
import json, sys
import numpy
from features import survey
from features.schema import schema_hash
if sys.argv[2] == "loader":
    import mysql.connector
else:
    import cassandra.cluster, pyarrow.parquet, scipy.optimize
said = json.load(open(sys.argv[1]))["schemas"]
found = {name: schema_hash(survey(name)) for name in said}
assert found == said, f"schema hash {found}, and the release says {said}"
"""

LIST = """
import json, sys
from pathlib import Path
from farm.worker import files
release = Path(sys.argv[1])
(release / files.NAME).write_text(json.dumps(files.listed(release), indent=0))
print(files.NAME)
"""


def test(release, kind):
    """The release does what it is for: its imports, programs, the schema that it says, the values of the golden set."""
    run(str(release / "bin/python"), "-c", SELF_TEST, str(release / "release.json"), kind)
    for survey in json.loads((release / "release.json").read_text())["schemas"] if kind == "worker" else ():
        run(str(release / "bin/python"), "-I", "-m", "features", "golden", "--survey", survey)
    for program in ("farm-agent", "busy", "csv_to_database" if kind == "loader" else "rebuild_objects"):
        run(str(release / "bin" / program), "--help")


def main():
    release = Path(sys.argv[1])
    os.umask(0o022)
    lock = os.open(release.parent / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    fcntl.flock(lock, fcntl.LOCK_EX)
    install(release)
    test(release, json.loads((release / "release.json").read_text())["kind"])
    rmtree(release / "wheels")
    (release / "requirements.txt").unlink()
    manifest = release / "release.json"
    told = json.loads(manifest.read_text())
    manifest.unlink()
    files = release / run(str(release / "bin/python"), "-c", LIST, str(release)).strip()
    told["files"] = hashlib.sha256(files.read_bytes()).hexdigest()
    manifest.write_text(json.dumps(told, indent=2) + "\n")
    os.sync()
    manifest.rename(release / "RELEASE.json")


main()
