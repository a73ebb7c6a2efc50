"""A rebuild of LSST's features beside the bare scan of the same columns of its three tables, and the fits apart.

The bare scan reads every table by token range and throws the pages away, its processes already connected: the best of a
small grid. Ours is ``farm rebuild`` from the first connection to verified parts on the head, on two workers with a slot
each, with E(B-V) from dust maps of the real ones' size on the workers. Scan and rebuild take turns, scans first and
last; each rebuild is compared with the mean of the scans before and after it, and the median of the ratios counts.
Without Sherlock's classifications nothing is fitted. The fits are what a rebuild takes longer where a table of
classifications calls every object a supernova, which is more of them than any survey has. The table of classifications
is copied and brought to the workers in that time too.
"""

import tempfile
from contextlib import ExitStack
from io import StringIO
from itertools import product
from pathlib import Path
from statistics import mean, median
from typing import Any

import dust_map
from keyspace import own_keyspace, settings_here
from provisioning import answer
from site_of_its_own import MAPS, Site, maps_on, site_of

from farm.seed import driver
from features import survey
from tests.bench.rebuild import WORKERS, bare, describe, peak_mib, say

OBJECTS, MEAN_ROWS = 60_000, 40
TURNS, FITTED_TURNS = 5, 1
FLYING, PROCESSES, PAGE = (2, 4), (1, 2), 20_000
SAMPLE = 4
"""The grid is measured on every fourth range."""
MAP_SIZE = 4096
CLASSIFIED = "classified"

Row = dict[str, Any]


def measure() -> Row:
    lsst = survey("lsst")
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        keyspace = stack.enter_context(own_keyspace(tables=lsst.tables))
        say(f"{OBJECTS:,} objects of {lsst.title}: seeding")
        driver.seed(driver.simulated(OBJECTS, MEAN_ROWS, 1, "lsst"), "refuse", keyspace, StringIO())
        cassandra = stack.enter_context(settings_here(scratch, keyspace))
        site = stack.enter_context(site_of(scratch, keyspace, "farm_bench_lsst", "lsst", "lsst"))
        stack.enter_context(maps_on(WORKERS.split(","), dust_map.write(scratch / "dust", MAP_SIZE)))
        with site.given(ebv=MAPS):
            rebuilt(site, "--load")
            plain, scans = beside(site, cassandra)
        classified(site)
        with site.given(ebv=MAPS, sherlock=CLASSIFIED):
            fits = [rebuilt(site) for _ in range(FITTED_TURNS)]
        seconds = median(each["seconds"] for each in plain)
        longer = median(each["seconds"] for each in fits) - seconds
        say(f"  the fits: {longer:.1f} s more")
    return {
        "method": __doc__,
        "objects": OBJECTS,
        "rows": plain[0]["rows"],
        "bare_scan": scans,
        "runs": plain,
        "objects_per_second": OBJECTS / seconds,
        "bare_scan_objects_per_second": OBJECTS / median(each["seconds"] for each in scans),
        "to_bare_scan": median(each["to_bare_scan"] for each in plain),
        "fits": {"runs": fits, "seconds": longer, "objects_per_second": OBJECTS / (seconds + longer)},
    }


def beside(site: Site, cassandra: Path) -> tuple[list[Row], list[Row]]:
    """Rebuilds and bare scans by turns."""

    def scanned(flying: int, processes: int, sample: int = 1) -> Row:
        return bare(cassandra, flying, PAGE, processes, sample, "lsst")

    scanned(4, 2)
    best = min((scanned(*each, SAMPLE) for each in product(FLYING, PROCESSES)), key=lambda each: each["seconds"])
    say(f"  the best bare scan: {describe(best)}")
    scans, runs = [scanned(best["flying"], best["processes"])], list[Row]()
    for _ in range(TURNS):
        runs.append(rebuilt(site))
        scans.append(scanned(best["flying"], best["processes"]))
        runs[-1]["to_bare_scan"] = mean(each["seconds"] for each in scans[-2:]) / runs[-1]["seconds"]
        say(f"  farm rebuild {runs[-1]['seconds']:.1f} s, ratio {runs[-1]['to_bare_scan']:.3f}")
    return runs, scans


def rebuilt(site: Site, *more: str) -> Row:
    """One range a slot."""
    line = f"farm rebuild --inventory {site.env} --limit {WORKERS} --slots 1 --ranges 2 --json {' '.join(more)}"
    run = site.type(line, timeout=1800).json()
    return {"seconds": run["seconds"], "objects": run["results"]["objects"], "rows": run["results"]["rows"],
            "peak_mib_of_a_process": peak_mib(site.home / "runs" / run["run"] / "journal.sqlite")}  # fmt: skip


def classified(site: Site) -> None:
    """Every object is a supernova."""
    columns = "'SN' classification, 200.0e0 best_distance, 0.05e0 z, NULL photoZ"
    answer("g1", f"mariadb {site.database}", f"CREATE VIEW {CLASSIFIED} AS SELECT diaObjectId, {columns} FROM objects")


def table(measured: Row) -> str:
    """A line a figure."""
    peak = max(each["peak_mib_of_a_process"] for each in (*measured["runs"], *measured["fits"]["runs"]))
    return "\n".join([
        f"{measured['objects']:,} objects, {measured['rows']:,} rows of three tables",
        f"{'bare scan':<22} {measured['bare_scan_objects_per_second']:>8,.0f} objects/s",
        f"{'all but the fits':<22} {measured['objects_per_second']:>8,.0f} objects/s, "
        f"{measured['to_bare_scan']:.2f} of the bare scan",
        f"{'every object fitted':<22} {measured['fits']['objects_per_second']:>8,.0f} objects/s",
        f"{'most memory':<22} {peak:>8,.0f} MiB of a process",
    ])  # fmt: skip
