"""Compute the golden set and living objects with two releases: sample.py OLD NEW WINDOW OBJECTS.

Prints as JSON what `python -m features diff` of the new release says of each, and the features that only the old one
has. Living objects are those of a range of tokens wide enough to hold that many, or of the whole ring.
"""

import csv
import gzip
import json
import subprocess
import sys
import tempfile
from pathlib import Path

FIRST, LAST = -(2**63), 2**63 - 1
NARROWEST = 2**12
"""The first range is this part of the ring."""
FEW = 10
UNREAD = 31
SECONDS = 3600


def together(*commands, accepted=(0,)):
    """Run the commands at one time, so that all see what the pipeline has written; returns what they print."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    started = [subprocess.Popen(command, text=True, **pipes) for command in commands]
    said = [process.communicate(timeout=SECONDS) for process in started]
    for process, (_, error) in zip(started, said, strict=True):
        if process.returncode not in accepted:
            sys.exit(f"{process.args[0]} ended with {process.returncode}: {error.strip()[-2000:]}")
    return [out for out, _ in said]


def golden(releases, window, files):
    """The golden set of the last release, by all of them."""
    packed = next(Path(releases[-1]).glob("lib/python3*/site-packages/features/ztf/golden.json.gz"))
    told = json.loads(gzip.decompress(packed.read_bytes()))
    curves = files[0].with_name("golden.csv")
    with curves.open("w", newline="") as file:
        csv.writer(file).writerows([["objectid", *told["columns"]], *told["rows"]])
    compute = ("-m", "features", "compute", f"--candidates={curves}", f"--window={window}")
    pairs = zip(releases, files, strict=True)
    together(*((f"{release}/bin/python", *compute, f"--out={file}") for release, file in pairs))


def living(releases, window, wanted, files):
    """At least so many objects of Cassandra, where there are."""
    part, found = NARROWEST, 0
    while True:
        span = (f"--range={FIRST}:{FIRST + (LAST - FIRST) // part}", f"--window={window}")
        pairs = zip(releases, files, strict=True)
        rebuilds = [(f"{release}/bin/rebuild_objects", *span, f"--out={file}") for release, file in pairs]
        together(*rebuilds, accepted=(0, UNREAD))
        found = json.loads(files[0].with_suffix(".json").read_text())["objects"]
        if part == 1 or found >= wanted:
            return
        part = max(1, part * found // (wanted + wanted // 4) if found > FEW else part // 64)


def compared(new, files):
    compare = (f"{new}/bin/python", "-m", "features", "diff", "--tolerance=own", "--json")
    return json.loads(together((*compare, *files))[0])


def main():
    releases, window, wanted = sys.argv[1:3], sys.argv[3], int(sys.argv[4])
    with tempfile.TemporaryDirectory(prefix="farm-sample-") as folder:
        files = [Path(folder, f"{number}.csv") for number in range(2)]
        golden(releases, window, files)
        of_golden = compared(releases[1], files)
        living(releases, window, wanted, files)
        of_living = compared(releases[1], files)
        before, after = (file.read_text().partition("\n")[0].split(",") for file in files)
    gone = [name for name in before if name not in after]
    print(json.dumps({"golden": of_golden, "living": of_living, "gone": gone}))


main()
