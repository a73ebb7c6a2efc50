"""The light curves that tests of the whole way start from."""

from dataclasses import dataclass
from pathlib import Path

REAL_DATA = Path(__file__).parents[2] / "shared" / "data"
REAL_CANDIDATES = REAL_DATA / "ztf" / "candidates.parquet"


@dataclass(frozen=True)
class Seeded:
    """What stands in the lab's table of detections."""

    objects: int
    rows: int
