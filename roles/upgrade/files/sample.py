"""Compute the golden set and living objects with two releases: sample.py OLD NEW SURVEY WINDOW OBJECTS GIVEN.

Prints as JSON what `python -m features diff` of the new release says of each, and the features that only the old one
has. Living objects are those of a range of tokens wide enough to hold that many, or of the whole ring. An empty SURVEY
or WINDOW is the usual one. GIVEN is farm_given as JSON: living objects have what comes from a map of the sky, which
lies on every worker; what comes from a table in Galera is not here, and missing with both releases.
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
ASK = """import sys, features
told = features.survey(sys.argv[1] or features.DEFAULT)
maps = (each.name for each in told.external if type(each.source).__name__ == "Sky")
print(told.name, told.detections.key.name, told.window or "all", *maps)"""


def together(*commands, accepted=(0,)):
    """Run the commands at one time, so that all see what the pipeline has written; returns what they print."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    started = [subprocess.Popen(command, text=True, **pipes) for command in commands]
    said = [process.communicate(timeout=SECONDS) for process in started]
    for process, (_, error) in zip(started, said, strict=True):
        if process.returncode not in accepted:
            sys.exit(f"{process.args[0]} ended with {process.returncode}: {error.strip()[-2000:]}")
    return [out for out, _ in said]


def usual(new, survey):
    """The survey's name, that of the column that says which object a row is of, its window, and its maps of the sky."""
    survey, key, window, *maps = together((f"{new}/bin/python", "-c", ASK, survey))[0].split()
    return survey, key, window if window == "all" else f"{float(window):g}", maps


def golden(releases, survey, key, window, files):
    """The golden set of the last release, by all of them."""
    packed = next(Path(releases[-1]).glob(f"lib/python3*/site-packages/features/{survey}/golden.json.gz"))
    told = json.loads(gzip.decompress(packed.read_bytes()))
    folder = files[0].with_name("golden")
    folder.mkdir()
    for name, table in {"detections": told, **told.get("others", {})}.items():
        write(folder / f"{name}.csv", [key, *table["columns"]], table["rows"])
    if given := told.get("given"):
        rows = [[each, *(values[each] for values in given.values())] for each in next(iter(given.values()))]
        write(folder / "inputs.csv", [key, *given], rows)
    where = (f"--survey={survey}", f"--candidates={folder / 'detections.csv'}", f"--window={window}")
    compute = ("-m", "features", "compute", *where)
    pairs = zip(releases, files, strict=True)
    together(*((f"{release}/bin/python", *compute, f"--out={file}") for release, file in pairs))


def write(path, header, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def living(releases, survey, window, given, wanted, files):
    """At least so many objects of Cassandra, where there are."""
    part, found = NARROWEST, 0
    while True:
        span = f"--range={FIRST}:{FIRST + (LAST - FIRST) // part}"
        pairs = zip(releases, files, strict=True)
        options = (f"--survey={survey}", span, f"--window={window}", *given)
        rebuilds = [(f"{release}/bin/rebuild_objects", *options, f"--out={file}") for release, file in pairs]
        together(*rebuilds, accepted=(0, UNREAD))
        found = json.loads(files[0].with_suffix(".json").read_text())["objects"]
        if part == 1 or found >= wanted:
            return
        part = max(1, part * found // (wanted + wanted // 4) if found > FEW else part // 64)


def compared(new, survey, files):
    compare = (f"{new}/bin/python", "-m", "features", "diff", f"--survey={survey}", "--tolerance=own", "--json")
    return json.loads(together((*compare, *files))[0])


def main():
    releases, survey, wanted = sys.argv[1:3], sys.argv[3], int(sys.argv[5])
    survey, key, window, maps = usual(releases[1], survey)
    window = sys.argv[4] or window
    given = [f"--given={name}={place}" for name, place in json.loads(sys.argv[6]).items() if name in maps]
    with tempfile.TemporaryDirectory(prefix="farm-sample-") as folder:
        files = [Path(folder, f"{number}.csv") for number in range(2)]
        golden(releases, survey, key, window, files)
        of_golden = compared(releases[1], survey, files)
        living(releases, survey, window, given, wanted, files)
        of_living = compared(releases[1], survey, files)
        before, after = (file.read_text().partition("\n")[0].split(",") for file in files)
    gone = [name for name in before if name not in after]
    print(json.dumps({"golden": of_golden, "living": of_living, "gone": gone}))


main()
