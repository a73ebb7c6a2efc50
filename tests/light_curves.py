"""The light curves that tests of the whole way start from."""

from dataclasses import dataclass
from pathlib import Path

from command import farm

REAL_DATA = Path(__file__).parents[2] / "shared" / "data"
REAL_CANDIDATES = REAL_DATA / "ztf" / "candidates.parquet"


@dataclass(frozen=True)
class Seeded:
    """What stands in the lab's table of detections."""

    objects: int
    rows: int


def filled() -> Seeded:
    """Fill the lab's Cassandra: with the real light curves where they are, else with simulated ones."""
    source = ["--objects", "1500", "--seed", "1", "--all-tables"]
    if REAL_CANDIDATES.exists():
        source = ["--from", str(REAL_CANDIDATES), "--from", str(REAL_CANDIDATES.with_name("noncandidates.parquet"))]
    said = farm("lab", "seed", *source, "--replace", "--json").json()
    return Seeded(said["objects"], said["rows"])
