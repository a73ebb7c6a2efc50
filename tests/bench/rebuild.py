"""A rebuild beside its raw limit and beside the old method, at three sizes, on the same Cassandra in one run.

The raw limit is the best bare scan by token range of the columns that the features need, pages thrown away, its
processes already connected: the best of a grid of pages in flight, page sizes and processes on a part of the ring, of
which the quickest are measured again. Ours is ``farm rebuild`` from the first connection to verified parts on the head,
starts of processes included, on two workers with a slot each, as the lab's hosts share two cores with Cassandra. Scan
and rebuild take turns, scans first and last. The machine's own speed drifts by a tenth from minute to minute, so each
rebuild is compared with the mean of the scans before and after it, and the median of these ratios counts. The old
method is one unprepared SELECT * an object, one object at a time, without its computing. Everything has been read once
before it is timed, so the table is in the page cache as far as it fits.
"""

import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from itertools import product
from pathlib import Path
from typing import Any

from command import ROOT, farm
from keyspace import settings_here

from farm.plot import Series, lines
from farm.runs import Run
from features import DEFAULT
from tests.bench.processes import together

SIZES = {40_000: 7, 80_000: 5, 128_000: 3}
"""Objects, and rebuilds of them."""
MEAN_ROWS = 31
FLYING = (1, 2, 4, 8)
PAGES = (1_000, 5_000, 20_000)
PROCESSES = (1, 2, 4)
SAMPLE = 4
"""The grid is measured on every fourth range of the middle size."""
BEST, AGAIN = 4, 3
"""So many settings of the grid are measured so many times more."""
WORKERS = "w1,w2"
OLD_OBJECTS = 1_500
"""Objects of one timing of the old method; its time is proportional to them."""
OLD_PROCESSES = (1, 2, 4, 8)
MANY = 3_700_000

Row = dict[str, Any]


def measure() -> Row:
    with tempfile.TemporaryDirectory() as scratch, settings_here(Path(scratch)) as cassandra:
        seed(sorted(SIZES)[1])
        scan = best_of_grid(cassandra)
        sizes = [size(objects, scan, cassandra, Path(scratch)) for objects in sorted(SIZES)]
    return {"method": __doc__, "sizes": sizes, **slope(sizes)}


def slope(sizes: list[Row]) -> Row:
    """The line through the seconds of the sizes, and where it leads."""
    objects = [each["objects"] for each in sizes]
    line = statistics.linear_regression(objects, [objects / each["objects_per_second"]
                                                  for objects, each in zip(objects, sizes, strict=True)])  # fmt: skip
    return {
        "seconds_to_start": line.intercept,
        "seconds_per_million_objects": line.slope * 1e6,
        f"hours_for_{MANY}_objects": (line.intercept + line.slope * MANY) / 3600,
    }


def seed(objects: int) -> Row:
    say(f"{objects:,} objects: seeding")
    seeded: Row = farm("lab", "seed", "--objects", str(objects), "--rows-per-object", str(MEAN_ROWS), "--seed", "1",
                       "--replace", "--json", timeout=1800).json()  # fmt: skip
    return seeded


def size(objects: int, scan: Row, cassandra: Path, scratch: Path) -> Row:
    """One size: seed, warm up, the raw limit and ours by turns, the old method."""
    seeded = seed(objects)
    bare(cassandra, 4, 5_000, 2, sample=1)
    scans, runs = [again(scan, cassandra)], list[Row]()
    for _ in range(SIZES[objects]):
        runs.append(rebuilt())
        scans.append(again(scan, cassandra))
        limit = objects / statistics.mean(each["seconds"] for each in scans[-2:])
        runs[-1] |= {"bare_scan_objects_per_second": limit, "to_bare_scan": runs[-1]["objects_per_second"] / limit}
        say(f"  bare scan {limit:,.0f} objects/s, farm rebuild {runs[-1]['objects_per_second']:,.0f}, "
            f"ratio {runs[-1]['to_bare_scan']:.3f}")  # fmt: skip
    runs.sort(key=lambda each: each["to_bare_scan"])
    ours = runs[len(runs) // 2]
    if objects == max(SIZES):
        ours |= loaded(ours)
    old = old_method(cassandra, scratch, objects)
    rate = statistics.median(each["objects_per_second"] for each in runs)
    return {
        "objects": objects,
        "rows": seeded["rows"],
        "seed_seconds": seeded["seconds"],
        "bare_scan": scans,
        "old_method": old,
        "runs": runs,
        "bare_scan_objects_per_second": objects / statistics.median(each["seconds"] for each in scans),
        "objects_per_second": rate,
        "ours_to_bare_scan": ours["to_bare_scan"],
        "ours_to_old_one_process": rate / old[0]["objects_per_second"],
        "ours_to_old_best": rate / max(each["objects_per_second"] for each in old),
    }


def again(scan: Row, cassandra: Path, sample: int = 1) -> Row:
    return bare(cassandra, scan["flying"], scan["page"], scan["processes"], sample)


def bare(cassandra: Path, flying: int, page: int, processes: int, sample: int, survey: str = DEFAULT) -> Row:
    command = ["tests.bench.bare_scan", "--cassandra", str(cassandra), "--flying", str(flying), "--page", str(page)]
    command += ["--survey", survey]
    done = together([[*command, "--sample", str(sample), "--share", f"{n}/{processes}"] for n in range(processes)])
    rows = sum(each["rows"] for each in done.said)
    return {"flying": flying, "page": page, "processes": processes, "rows_per_second": rows / done.seconds,
            "seconds": done.seconds, "peak_mib": done.peak_kib / 1024}  # fmt: skip


def best_of_grid(cassandra: Path) -> Row:
    """The setting that scans a part of the ring the quickest."""
    bare(cassandra, 4, 5_000, 2, sample=1)
    grid = [bare(cassandra, *each, SAMPLE) for each in product(FLYING, PAGES, PROCESSES)]
    best = sorted(grid, key=lambda each: each["seconds"])[:BEST]
    rounds = [[again(scan, cassandra, SAMPLE)["seconds"] for scan in best] for _ in range(AGAIN)]
    seconds = [statistics.median(each) for each in zip(*rounds, strict=True)]
    found = best[seconds.index(min(seconds))]
    say(f"  the best bare scan: {describe(found)}")
    return found


def describe(scan: Row) -> str:
    return f"{scan['processes']} processes x {scan['flying']} in flight, pages of {scan['page']:,}"


def old_method(cassandra: Path, scratch: Path, objects: int) -> list[Row]:
    """One process of the old method, and as many as help."""
    found, names = [], chosen(cassandra, objects)
    for processes in OLD_PROCESSES:
        lists = []
        for number in range(processes):
            lists.append(scratch / f"old.{processes}.{number}")
            lists[-1].write_text("\n".join(names[number::processes]))
        command = ["tests.bench.old_method", "--cassandra", str(cassandra), "--objects"]
        done = together([[*command, str(each)] for each in lists])
        rate = sum(each["objects"] for each in done.said) / done.seconds
        found.append({"processes": processes, "objects_per_second": rate})
        say(f"  old method, {processes} processes: {rate:,.0f} objects/s")
    return found


def chosen(cassandra: Path, objects: int) -> list[str]:
    """Objects for the old method, evenly over the ring."""
    from features import survey
    from features.rebuild.cluster import connect
    from features.rebuild.pages import FIRST_TOKEN, LAST_TOKEN, Range
    from features.rebuild.settings import load

    ztf = survey("ztf")
    ranges = Range(FIRST_TOKEN, LAST_TOKEN).split(max(1, objects // 500))
    with connect(load(cassandra), ztf.detections, ztf.inputs) as reader:
        step = max(1, len(ranges) // 3)
        names = [name for each in ranges[::step] for name in reader.ids(each)]
    return names[:OLD_OBJECTS]


def rebuilt() -> Row:
    """``farm rebuild``, one range a slot."""
    begun = time.monotonic()
    options = ("--limit", WORKERS, "--slots", "1", "--ranges", str(WORKERS.count(",") + 1))
    run = farm("rebuild", "--inventory", "lab", *options, "--json", timeout=1800).json()
    return {"run": run["run"], "objects": run["results"]["objects"], "seconds": run["seconds"],
            "command_seconds": time.monotonic() - begun,
            "peak_mib_of_a_process": peak_mib(Run("lab", run["run"]).journal),
            "objects_per_second": run["results"]["objects"] / run["seconds"]}  # fmt: skip


def peak_mib(journal: Path) -> float:
    """The most memory that a process of the run had."""
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as opened:
        ((peak,),) = opened.execute("SELECT max(rss) FROM attempts")
    return float(peak / 2**20)


def loaded(ours: Row) -> Row:
    """``farm load`` of it, the whole command with its read-back."""
    begun = time.monotonic()
    done = farm("load", ours["run"], "--max-changed", "1", "--max-new-nulls", "1", "--json", timeout=1800).json()
    seconds = time.monotonic() - begun
    both = ours["command_seconds"] + seconds
    say(f"  farm load: {seconds:.1f} s; from Cassandra to Galera {both:.1f} s")
    return {"load_seconds": seconds, "load": done["seconds"], "cassandra_to_galera_seconds": both}


def say(text: str) -> None:
    sys.stderr.write(text + "\n")


def ready() -> None:
    """A lab that is up and provisioned."""
    farm("lab", "up", timeout=600)
    subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "provision.yml"], cwd=ROOT, check=True, stdout=sys.stderr
    )


def table(measured: Row) -> str:
    """A line a size."""
    columns = ("bare scan", "old, 1", "old, best", "ours", "ours/bare", "ours/old")
    told = [" ".join([f"{'objects':>9}", *(f"{name:>10}" for name in columns)])]
    for each in measured["sizes"]:
        old = [one["objects_per_second"] for one in each["old_method"]]
        told.append(
            f"{each['objects']:>9,} {each['bare_scan_objects_per_second']:>10,.0f} {old[0]:>10,.0f} {max(old):>10,.0f}"
            f" {each['objects_per_second']:>10,.0f} {each['ours_to_bare_scan']:>10.2f}"
            f" {each['ours_to_old_one_process']:>10.1f}"
        )
    return "\n".join(told)


def plot(measured: Row) -> str:
    """Seconds by objects."""
    sizes = measured["sizes"]

    def seconds(rate: Callable[[Row], float]) -> list[tuple[float, float]]:
        return [(each["objects"], each["objects"] / rate(each)) for each in sizes]

    return lines("A rebuild, its raw limit and the old method", "objects", "seconds", [
        Series("old, 1 process", seconds(lambda each: each["old_method"][0]["objects_per_second"]), 1),
        Series("old, at its best", seconds(lambda each: max(o["objects_per_second"] for o in each["old_method"])), 3),
        Series("farm rebuild", seconds(lambda each: each["objects_per_second"]), 0),
        Series("best bare scan", seconds(lambda each: each["bare_scan_objects_per_second"]), 2),
    ])  # fmt: skip
