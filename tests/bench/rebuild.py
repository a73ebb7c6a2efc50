"""A rebuild beside its raw limit and beside the old method, at three sizes, on the same Cassandra in one run.

The raw limit is the best bare scan by token range of the columns that the features need, pages thrown away, its
processes already connected: of a grid of pages in flight, page sizes and processes on a part of the ring, the two best
go over the whole ring at each size. Ours is ``farm rebuild`` from the first connection to verified parts on the head,
starts of processes included, on one worker and on two, a slot each, as the lab's hosts share two cores with Cassandra.
All four take turns; of each the median counts, of both scans the quicker one, of both rebuilds too. The old method is
one unprepared SELECT * an object, one object at a time, without its computing. Everything has been read once before it
is timed, so the table is in the page cache as far as it fits.
"""

import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

from command import ROOT, farm

from farm import lab
from farm.home import Home
from farm.plot import Series, lines
from farm.runs import Run
from tests.bench.processes import together

SIZES = {32_000: 5, 64_000: 3, 128_000: 3}
"""Objects, and rounds of scans and rebuilds."""
MEAN_ROWS = 31
FLYING = (1, 2, 4, 8)
PAGES = (1_000, 5_000, 20_000)
PROCESSES = (1, 2, 4)
SAMPLE = 4
"""The grid is measured on every fourth range of the middle size."""
BEST = 2
OURS = (("--limit", "w1"), ("--limit", "w1,w2"))
OLD_OBJECTS = 1_500
"""Objects of one timing of the old method; its time is proportional to them."""
OLD_PROCESSES = (1, 2, 4, 8)
MANY = 3_700_000

Row = dict[str, Any]


def measure() -> Row:
    with tempfile.TemporaryDirectory() as scratch, settings(Path(scratch)) as cassandra:
        seed(sorted(SIZES)[1])
        grid = best_of_grid(cassandra)
        sizes = [size(objects, grid, cassandra, Path(scratch)) for objects in sorted(SIZES)]
    return {"method": __doc__, "sizes": sizes, **slope(sizes)}


def slope(sizes: list[Row]) -> Row:
    """The line through the seconds of the sizes, and where it leads."""
    objects = [each["objects"] for each in sizes]
    line = statistics.linear_regression(objects, [objects / each["ours"]["objects_per_second"]
                                                  for objects, each in zip(objects, sizes, strict=True)])  # fmt: skip
    return {
        "seconds_to_start": line.intercept,
        "seconds_per_million_objects": line.slope * 1e6,
        f"hours_for_{MANY}_objects": (line.intercept + line.slope * MANY) / 3600,
    }


@contextmanager
def settings(scratch: Path) -> Iterator[Path]:
    """How this machine reaches the lab's Cassandra, as the workers do."""
    file = scratch / "cassandra.json"
    file.touch(mode=0o600)
    node = next(host for host in lab.HOSTS if host.name == "c1")
    password = Home("lab").secret("cassandra_reader").read_text().strip()
    told = {"contact_points": [node.address], "port": 9042, "local_dc": "datacenter1", "keyspace": "lasair"}
    told |= {"consistency": "LOCAL_QUORUM", "username": "farm_reader", "password": password, "tls": None}
    file.write_text(json.dumps(told))
    yield file


def seed(objects: int) -> Row:
    say(f"{objects:,} objects: seeding")
    seeded: Row = farm("lab", "seed", "--objects", str(objects), "--rows-per-object", str(MEAN_ROWS), "--seed", "1",
                       "--replace", "--json", timeout=1800).json()  # fmt: skip
    return seeded


def size(objects: int, grid: list[Row], cassandra: Path, scratch: Path) -> Row:
    """One size: seed, warm up, the raw limit and ours by turns, the old method."""
    seeded = seed(objects)
    mean_rows = seeded["rows"] / objects
    bare(cassandra, 4, 5_000, 2, sample=1)
    scans: list[list[Row]] = [[] for _ in grid]
    runs: list[list[Row]] = [[] for _ in OURS]
    for _ in range(SIZES[objects]):
        for found, scan in zip(scans, grid, strict=True):
            found.append(bare(cassandra, scan["flying"], scan["page"], scan["processes"], 1))
            say(f"  bare scan, {describe(scan)}: {found[-1]['rows_per_second'] / mean_rows:,.0f} objects/s")
        for found, options in zip(runs, OURS, strict=True):
            found.append(rebuilt(options))
            say(f"  farm rebuild {' '.join(options)}: {found[-1]['objects_per_second']:,.0f} objects/s")
    ours = max(map(median, runs), key=speed)
    if objects == max(SIZES):
        ours |= loaded(ours)
    old = old_method(cassandra, scratch, objects)
    limit = max(speed(median(found)) for found in scans) / mean_rows
    rate = ours["objects_per_second"]
    return {
        "objects": objects,
        "rows": seeded["rows"],
        "seed_seconds": seeded["seconds"],
        "bare_scan": scans,
        "bare_scan_objects_per_second": limit,
        "old_method": old,
        "runs": runs,
        "ours": ours,
        "ours_to_bare_scan": rate / limit,
        "ours_to_old_one_process": rate / old[0]["objects_per_second"],
        "ours_to_old_best": rate / max(each["objects_per_second"] for each in old),
    }


def speed(done: Row) -> float:
    rate: float = done.get("objects_per_second") or done["rows_per_second"]
    return rate


def median(done: list[Row]) -> Row:
    return sorted(done, key=speed)[len(done) // 2]


def bare(cassandra: Path, flying: int, page: int, processes: int, sample: int) -> Row:
    command = ["tests.bench.bare_scan", "--cassandra", str(cassandra), "--flying", str(flying), "--page", str(page)]
    done = together([[*command, "--sample", str(sample), "--share", f"{n}/{processes}"] for n in range(processes)])
    rows = sum(each["rows"] for each in done.said)
    return {"flying": flying, "page": page, "processes": processes, "rows_per_second": rows / done.seconds,
            "seconds": done.seconds, "peak_mib": done.peak_kib / 1024}  # fmt: skip


def best_of_grid(cassandra: Path) -> list[Row]:
    """The settings that scan a part of the ring the quickest."""
    bare(cassandra, 4, 5_000, 2, sample=1)
    grid = [bare(cassandra, *each, SAMPLE) for each in product(FLYING, PAGES, PROCESSES)]
    return sorted(grid, key=lambda each: -each["rows_per_second"])[:BEST]


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


def rebuilt(options: Sequence[str]) -> Row:
    """``farm rebuild``, one range a slot."""
    begun = time.monotonic()
    ranges = str(options[-1].count(",") + 1)
    run = farm(
        "rebuild", "--inventory", "lab", *options, "--slots", "1", "--ranges", ranges, "--json", timeout=1800
    ).json()
    journal = sqlite3.connect(f"file:{Run('lab', run['run']).journal}?mode=ro", uri=True)
    ((peak,),) = journal.execute("SELECT max(rss) FROM attempts")
    journal.close()
    return {"run": run["run"], "options": options, "objects": run["results"]["objects"], "seconds": run["seconds"],
            "command_seconds": time.monotonic() - begun, "peak_mib_of_a_process": peak / 2**20,
            "objects_per_second": run["results"]["objects"] / run["seconds"]}  # fmt: skip


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
            f" {each['ours']['objects_per_second']:>10,.0f} {each['ours_to_bare_scan']:>10.2f}"
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
        Series("farm rebuild", seconds(lambda each: each["ours"]["objects_per_second"]), 0),
        Series("best bare scan", seconds(lambda each: each["bare_scan_objects_per_second"]), 2),
    ])  # fmt: skip
