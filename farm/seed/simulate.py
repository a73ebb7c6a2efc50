"""Simulated light curves, for a user who has no data yet, as the folder of the survey makes them.

``features/<survey>/simulate.py`` has ``object_ids(objects)``, all different; ``chunk(ids, index, counts, rng)``, the
rows of each table that always has some; and, where further tables may have some, ``beside(detections, rng)``, theirs.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from farm.errors import InputError
from farm.seed.hooks import part
from farm.seed.rows import CHUNK, Array, Rows
from farm.seed.store import tokens
from features.declare import Survey


def light_curves(
    survey: Survey, objects: int, rows: int, seed: int, *, all_tables: bool = False
) -> Iterator[Mapping[str, Rows]]:
    """Table to rows, in chunks of whole objects in the order of their tokens; the same for the same arguments.

    ``rows`` are detections. Flat in memory. Raises InputError for a survey that has no simulation.
    """
    made = simulation(survey)
    rng = np.random.default_rng(seed)
    ids, counts = made.object_ids(objects), lengths(objects, rows, rng)
    order = np.argsort(tokens(ids), kind="stable")
    ends = np.cumsum(counts[order])
    first = number = 0
    while first < objects:
        done = int(ends[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(ends, done + CHUNK, side="right")))
        index = order[first:last]
        found = made.chunk(ids[index], index, counts[index], np.random.default_rng([seed, first]))
        if all_tables and hasattr(made, "beside"):
            found |= made.beside(found[survey.detections.name], np.random.default_rng([seed, number, 1]))
        yield found
        first, number = last, number + 1


def simulation(survey: Survey) -> Any:
    """Raises InputError for a survey that has none."""
    found = part(survey, "simulate")
    if found is None:
        raise InputError(f"light curves of {survey.name} cannot be simulated: seed with files, --from FOLDER")
    return found


def lengths(objects: int, rows: int, rng: np.random.Generator) -> Array:
    """Rows of each object (int64): at least one, ``rows`` in all, lognormal: many short, some of thousands."""
    weight = rng.lognormal(sigma=1.5, size=objects)
    count: Array = 1 + np.floor(weight / weight.sum() * (rows - objects)).astype(np.int64)
    count[np.argsort(weight)[objects - (rows - int(count.sum())) :]] += 1
    return count
