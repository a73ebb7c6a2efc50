"""See that the current release works here, as the farm's user: health.py ROOT DIGEST KIND ENVIRONMENT SURVEY.

The agent starts and says hello; a worker's rebuild reads Cassandra, a loader has the database's client. An empty SURVEY
is the usual one.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

SECONDS = 60


def run(*command):
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        sys.exit(f"{command[0]} did not end in {SECONDS} s")
    if done.returncode != 0:
        sys.exit(f"{command[0]} ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout


def main():
    root, digest, kind, environment, survey = Path(sys.argv[1]), *sys.argv[2:]
    current = root / "current"
    found = json.loads((current / "RELEASE.json").read_text())["digest"]
    if found != digest:
        sys.exit(f"{current} is release {found[:12]}, not {digest[:12]}")
    programs = current.resolve() / "bin"
    with tempfile.TemporaryDirectory(prefix="farm-health-") as folder:
        said = run(programs / "farm-agent", "--run", "health", "--env", environment, "--root", folder)
    if json.loads(said.splitlines()[0])["t"] != "hello":
        sys.exit(f"the agent says {said[:80]!r} instead of hello")
    if kind == "worker":
        run(programs / "rebuild_objects", "--check", *([f"--survey={survey}"] if survey else []))
    else:
        run(programs / "csv_to_database", "--help")


main()
