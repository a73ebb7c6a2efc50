"""The load's guard over columns of values: which rows the pipeline has brought further since. Pure."""

from collections.abc import Mapping

import numpy as np

from farm.load.columns import Bools, Values


def further(table: Mapping[str, Values], part: Mapping[str, Values], same_window: bool) -> Bools:
    """Where the table's row is further than the part's: a greater jdmax, or an equal one and a greater ncand.

    ncand counts only where run and table share the window. A missing value counts as 0, as in ``Statements.guard``.
    """
    jd, jd_part = (np.where(each["jdmax"].null, 0, each["jdmax"].data) for each in (table, part))
    beyond: Bools = jd > jd_part
    if same_window:
        rows, rows_part = (np.where(each["ncand"].null, 0, each["ncand"].data) for each in (table, part))
        beyond = beyond | ((jd == jd_part) & (rows > rows_part))
    return beyond
