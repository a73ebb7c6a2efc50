"""Make the release of an unpacked archive, in its final place: a venv does not move.

Run by the host's python3 with that folder as its argument. Offline; RELEASE.json is the last thing that it writes.
"""

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
import cassandra.cluster, numpy
from features import survey
from features.schema import schema_hash
if len(sys.argv) > 2:
    import mysql.connector
found, said = schema_hash(survey("ztf")), json.load(open(sys.argv[1]))["schema"]
assert found == said, f"schema hash {found}, and the release says {said}"
"""


def test(release, kind):
    """The release does what it is for: its imports, its programs, and the schema that it says."""
    run(str(release / "bin/python"), "-c", SELF_TEST, str(release / "release.json"), *(["loader"] * (kind == "loader")))
    for program in ("farm-agent", "busy", "rebuild_objects", *(["csv_to_database"] * (kind == "loader"))):
        run(str(release / "bin" / program), "--help")


def main():
    release = Path(sys.argv[1])
    os.umask(0o022)
    install(release)
    test(release, json.loads((release / "release.json").read_text())["kind"])
    rmtree(release / "wheels")
    (release / "requirements.txt").unlink()
    os.sync()
    (release / "release.json").rename(release / "RELEASE.json")


main()
