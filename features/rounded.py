"""Whole numbers that a file holds as floats."""

from typing import Any

import numpy as np


def rounded(column: Any) -> int:
    """From which whole number on an Arrow column of floats cannot tell one from the next, if it holds such a number.

    Two ids may be one there. 0 where the column holds none.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_floating(column.type):
        return 0
    limit = 1 << (np.finfo(column.type.to_pandas_dtype()).nmant + 1)
    found = pc.any(pc.greater_equal(pc.abs(column.cast(pa.float64())), float(limit))).as_py()
    return limit if found else 0
