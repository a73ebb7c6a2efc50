"""An empty function beside the bare scan of the same columns, and one question beside the same asked with Dask.

The empty function gets every light curve and yields nothing. Its seconds are those of the run, from the first
connection to the dataset, starts of processes included, without the trial before it; its ratio is to the mean of the
bare scans before and after it, as in the bench of the rebuild, at three sizes. Memory is that of the largest process
on a worker. The question is each object's number of detections and its brightest magnitude, at the middle size. Ours
is ``farm mine`` on two workers with a slot each; Dask's a local cluster of two processes with a thread each (installed
for the bench alone, in the head's folder), each task a range of tokens, of 64, read through cassandra-driver and
grouped by pandas, its tables gathered and written as one Parquet file. Its workers are up and connected before it is
timed.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean, median
from typing import Any

from command import farm
from keyspace import settings_here

from farm.home import Home
from farm.runs import Run
from features import survey
from tests.bench.rebuild import WORKERS, again, bare, best_of_grid, say, seed

SIZES = {20_000: 5, 40_000: 5, 80_000: 3}
"""Objects, and runs of the empty function over them."""
TURNS = 3
"""Times that the question is asked."""
DASK = ("dask", "distributed")

Row = dict[str, Any]

SCRIPT = """
from features.mining import batch, light_curve

@light_curve(columns="{columns}", schema={{"nothing": "int64"}})
def empty(curve):
    return ()

@batch(columns="jd magpsf")
def brightest(curves):
    import numpy as np
    yield {{"n": curves.segments.count, "magnitude": curves.segments.reduce(np.fmin, curves.real("magpsf"))}}
"""


def measure() -> Row:
    with tempfile.TemporaryDirectory() as name, settings_here(Path(name)) as cassandra:
        scratch = Path(name)
        middle = sorted(SIZES)[1]
        seed(middle)
        scan = best_of_grid(cassandra)
        sizes = [size(objects, scan, cassandra, scratch) for objects in sorted(SIZES)]
        seed(middle)
        return {"method": __doc__, "sizes": sizes, "question": question(middle, cassandra, scratch)}


def size(objects: int, scan: Row, cassandra: Path, scratch: Path) -> Row:
    """The empty function and the bare scan by turns."""
    seeded = seed(objects)
    script = questions(scratch)
    bare(cassandra, 4, 5_000, 2, sample=1)
    scans, runs = [again(scan, cassandra)], list[Row]()
    for turn in range(SIZES[objects]):
        runs.append(mined(script, "empty", scratch / f"empty{turn}"))
        scans.append(again(scan, cassandra))
        runs[-1]["to_bare_scan"] = mean(each["seconds"] for each in scans[-2:]) / runs[-1]["seconds"]
        say(f"  empty function: {runs[-1]['seconds']:.1f} s, {runs[-1]['to_bare_scan']:.3f} of the bare scan")
    return {
        "objects": objects,
        "rows": seeded["rows"],
        "bare_scan": scans,
        "runs": runs,
        "seconds": median(each["seconds"] for each in runs),
        "to_bare_scan": median(each["to_bare_scan"] for each in runs),
        "peak_mib_of_a_process": max(each["peak_mib_of_a_process"] for each in runs),
    }


def question(objects: int, cassandra: Path, scratch: Path) -> Row:
    """Ours and Dask's by turns, over the table as it stands."""
    script, ours, theirs = questions(scratch), list[Row](), list[Row]()
    for turn in range(TURNS):
        ours.append(mined(script, "brightest", scratch / f"brightest{turn}"))
        theirs.append(dask(cassandra, scratch / "dask.parquet"))
        say(f"  a question: farm mine {ours[-1]['seconds']:.1f} s, Dask {theirs[-1]['seconds']:.1f} s")
    return {
        "objects": objects,
        "farm_mine": ours,
        "dask": theirs,
        "farm_mine_seconds": median(each["seconds"] for each in ours),
        "dask_seconds": median(each["seconds"] for each in theirs),
    }


def questions(scratch: Path) -> Path:
    """The script."""
    file = scratch / "questions.py"
    file.write_text(SCRIPT.format(columns=" ".join(survey("ztf").inputs[1:])))
    return file


def mined(script: Path, function: str, out: Path) -> Row:
    """Seconds of the run itself, and of the whole command with its trial."""
    begun = time.monotonic()
    options = ("--limit", WORKERS, "--slots", "1", "--ranges", "2", "--window", "all", "--out", str(out))
    done = farm("mine", f"{script}:{function}", *options, "--json", timeout=1800).json()
    seconds = time.monotonic() - begun
    shutil.rmtree(out)
    journal = sqlite3.connect(f"file:{Run('lab', done['run']).journal}?mode=ro", uri=True)
    ((peak,),) = journal.execute("SELECT max(rss) FROM attempts")
    journal.close()
    return {"seconds": done["seconds"], "command_seconds": seconds, "objects": done["results"]["objects"],
            "peak_mib_of_a_process": peak / 2**20}  # fmt: skip


def dask(cassandra: Path, out: Path) -> Row:
    packages = Home("lab").root / "bench-dask"
    if not packages.exists():
        fresh = packages.with_suffix(".new")
        words = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(fresh), *DASK]
        subprocess.run(words, check=True, stdout=sys.stderr)
        fresh.rename(packages)
    words = [sys.executable, "-m", "tests.bench.mining_by_dask", str(cassandra), str(out)]
    environment = os.environ | {"PYTHONPATH": str(packages)}
    done = subprocess.run(words, check=True, capture_output=True, text=True, timeout=1800, env=environment)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def table(measured: Row) -> str:
    """A line a size, and the question."""
    told = [f"{'objects':>9} {'seconds':>9} {'of bare scan':>13} {'MiB':>6}"]
    told += [
        f"{each['objects']:>9,} {each['seconds']:>9.1f} {each['to_bare_scan']:>13.2f}"
        f" {each['peak_mib_of_a_process']:>6.0f}"
        for each in measured["sizes"]
    ]
    asked = measured["question"]
    return "\n".join([
        *told,
        f"a question to {asked['objects']:,} objects: farm mine {asked['farm_mine_seconds']:.1f} s,"
        f" Dask {asked['dask_seconds']:.1f} s",
    ])  # fmt: skip
