"""The load's guard over columns of values: which rows the pipeline has brought further since. Pure."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farm.load.columns import Bools, Values
from features.declare import Guard


def further(guard: Guard, table: Mapping[str, Values], part: Mapping[str, Values], same_window: bool) -> Bools:
    """Where the table's row is further than the part's: a greater time, or an equal one and a greater count.

    The count counts only where run and table share the window. A missing value counts as 0, as in ``Merge.guard``.
    """

    def of(name: str) -> list[NDArray[Any]]:
        return [np.where(each[name].null, 0, each[name].data) for each in (table, part)]

    time, time_part = of(guard.time)
    beyond: Bools = time > time_part
    if same_window and guard.count:
        rows, rows_part = of(guard.count)
        beyond = beyond | ((time == time_part) & (rows > rows_part))
    return beyond
