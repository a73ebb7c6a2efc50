"""Rebuild beside its raw limit and beside the old method, at three sizes, on the same Cassandra in one run.

The raw limit is the best bare scan by token range of the columns that the features need, pages thrown away: a grid of
pages in flight, page sizes and processes on every eighth range, its three best again on the whole ring. Ours is
``farm rebuild`` on four workers, from the plan to verified parts on the head, and the load of the largest size. All of
them, and Cassandra, share this machine's cores. The table has been read once before anything is timed, so it is in the
page cache as far as it fits.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

from command import ROOT, farm

from farm import lab
from farm.home import Home
from tests.bench.processes import together

SIZES = (16_000, 48_000, 128_000)
MEAN_ROWS = 31
FLYING = (1, 2, 4, 8)
PAGES = (1_000, 5_000, 20_000)
PROCESSES = (1, 2, 4)
SAMPLE = 8
"""The grid is measured on every eighth range."""
BEST = 3
OLD_OBJECTS = 1_500
"""Objects of one timing of the old method; its time is proportional to them."""
OLD_PROCESSES = (1, 2, 4, 8)

Row = dict[str, Any]


def measure() -> Row:
    with tempfile.TemporaryDirectory() as scratch, settings(Path(scratch)) as cassandra:
        return {"method": __doc__, "sizes": [size(objects, cassandra, Path(scratch)) for objects in SIZES]}


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


def size(objects: int, cassandra: Path, scratch: Path) -> Row:
    """One size: seed, warm up, the raw limit, the old method, ours."""
    say(f"{objects:,} objects: seeding")
    seeded = farm("lab", "seed", "--objects", str(objects), "--rows-per-object", str(MEAN_ROWS), "--seed", "1",
                  "--replace", "--json", timeout=1800).json()  # fmt: skip
    bare(cassandra, 4, 5_000, 2, sample=1)
    scans = best_scan(cassandra)
    old = old_method(cassandra, scratch, objects)
    ours = rebuilt(load=objects == max(SIZES))
    rate, limit = ours["objects_per_second"], max(scan["rows_per_second"] for scan in scans) * objects / seeded["rows"]
    return {
        "objects": objects,
        "rows": seeded["rows"],
        "seed_seconds": seeded["seconds"],
        "bare_scan": scans,
        "bare_scan_objects_per_second": limit,
        "old_method": old,
        "ours": ours,
        "ours_to_bare_scan": rate / limit,
        "ours_to_old_one_process": rate / old[0]["objects_per_second"],
        "ours_to_old_best": rate / max(each["objects_per_second"] for each in old),
    }


def bare(cassandra: Path, flying: int, page: int, processes: int, sample: int) -> Row:
    command = ["tests.bench.bare_scan", "--cassandra", str(cassandra), "--flying", str(flying), "--page", str(page)]
    done = together([[*command, "--sample", str(sample), "--share", f"{n}/{processes}"] for n in range(processes)])
    rows = sum(each["rows"] for each in done.said)
    return {"flying": flying, "page": page, "processes": processes, "rows_per_second": rows / done.seconds,
            "seconds": done.seconds, "peak_mib": done.peak_kib / 1024}  # fmt: skip


def best_scan(cassandra: Path) -> list[Row]:
    """The best of the grid, each on the whole ring."""
    grid = []
    for flying, page, processes in product(FLYING, PAGES, PROCESSES):
        grid.append(bare(cassandra, flying, page, processes, SAMPLE))
    grid.sort(key=lambda each: -each["rows_per_second"])
    best = [bare(cassandra, each["flying"], each["page"], each["processes"], 1) for each in grid[:BEST]]
    for each in best:
        say(f"  bare scan, {describe(each)}: {each['rows_per_second']:,.0f} rows/s")
    return best


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


def rebuilt(load: bool) -> Row:
    """``farm rebuild``, and for the largest size ``farm load``; whole commands, from the shell's point of view."""
    begun = time.monotonic()
    run = farm("rebuild", "--inventory", "lab", "--json", timeout=1800).json()
    seconds = time.monotonic() - begun
    row = {"objects": run["results"]["objects"], "seconds": run["seconds"], "command_seconds": seconds,
           "objects_per_second": run["results"]["objects"] / run["seconds"]}  # fmt: skip
    say(f"  farm rebuild: {row['objects_per_second']:,.0f} objects/s, {seconds:.1f} s for the command")
    if load:
        begun = time.monotonic()
        loaded = farm("load", run["run"], "--inventory", "lab", "--json", timeout=1800).json()
        row |= {"load_seconds": time.monotonic() - begun, "load": loaded["seconds"]}
        row["cassandra_to_galera_seconds"] = seconds + row["load_seconds"]
        say(f"  farm load: {row['load_seconds']:.1f} s; from Cassandra to Galera"
            f" {row['cassandra_to_galera_seconds']:.1f} s")  # fmt: skip
    return row


def say(text: str) -> None:
    sys.stderr.write(text + "\n")


def ready() -> None:
    """A lab that is up and provisioned."""
    farm("lab", "up", timeout=600)
    subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "provision.yml"], cwd=ROOT, check=True, stdout=sys.stderr
    )
