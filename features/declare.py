"""What a survey is: tables, and features, each declared once beside the function that computes it.

From these declarations come the DDL, the CSV header, the load's column list, the documentation and the schema hash.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.curves import LightCurves

_DTYPES = {"double": "f8", "float": "f8", "int": "i8", "bigint": "i8", "varchar": "O"}
_CQL_DTYPES = {"ascii": "O", "text": "O", "float": "f8", "double": "f8"}
_TOLERANCES = {"double": 1e-9, "float": 2.0**-23}

FeatureArrays = Sequence[NDArray[Any]]


@dataclass(frozen=True)
class Feature:
    """One column of the survey's table of objects."""

    name: str
    sql: str
    """SQL type: double, float, int, bigint(20), varchar(n). A float is computed in double and rounded when written."""
    unit: str
    """Unit as the documentation prints it; "" for a number or a name."""
    null: str
    """When the value is missing; "never" if it never is."""
    doc: str
    source: str
    """Where the definition comes from, for whoever doubts it."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """float64, int64 or object (str), by the SQL type."""
        return np.dtype(_DTYPES[self.sql.partition("(")[0]])

    @property
    def tolerance(self) -> float:
        """Relative difference (``features.diff.relative``) up to which two values are the same.

        1e-9 for a double, which is what another order of additions changes; one step of single precision for a float,
        to whose other side such a change may round; 0 for all else.
        """
        return _TOLERANCES.get(self.sql.partition("(")[0], 0.0)

    @property
    def width(self) -> int | None:
        """Most characters of a text column; None for a number."""
        kind, _, rest = self.sql.partition("(")
        return int(rest.rstrip(")")) if kind == "varchar" else None


@dataclass(frozen=True)
class Family:
    """A pure function of many light curves, and the features that it returns, in that order.

    The function returns an array of n objects a feature: float64 with NaN where missing, int64, or an object array of
    str with None where missing; an integer that can be missing is a ``numpy.ma.MaskedArray``. A result that is not
    finite counts as missing.
    """

    features: tuple[Feature, ...]
    needs: tuple[str, ...]
    """Columns of the detections that the function reads; it can read no others."""
    function: Callable[[LightCurves], FeatureArrays]

    @property
    def name(self) -> str:
        return self.function.__name__

    def __call__(self, curves: LightCurves) -> FeatureArrays:
        return self.function(curves)


def family(*features: Feature, needs: str) -> Callable[[Callable[[LightCurves], FeatureArrays]], Family]:
    """Declare the features that the decorated function returns; ``needs`` are column names with blanks between."""

    def declare(function: Callable[[LightCurves], FeatureArrays]) -> Family:
        return Family(features, tuple(needs.split()), function)

    return declare


@dataclass(frozen=True)
class Column:
    """A column of a Cassandra table."""

    name: str
    cql: str

    @property
    def dtype(self) -> np.dtype[Any]:
        """object (str), float64 or int64, by the CQL type."""
        return np.dtype(_CQL_DTYPES.get(self.cql, "i8"))


@dataclass(frozen=True)
class Table:
    """A Cassandra table; clustering order is ascending."""

    name: str
    columns: tuple[Column, ...]
    partition_key: tuple[str, ...]
    clustering: tuple[str, ...]


@dataclass(frozen=True)
class Index:
    """A secondary index of the table of objects."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Deviation:
    """Where the values differ from the original code's on purpose."""

    what: str
    why: str
    test: str
    """Name of the test that holds it."""


@dataclass(frozen=True)
class Survey:
    """A survey: what is read, what is computed from it, and the table where it goes."""

    name: str
    title: str
    key: Feature
    """Primary key of the table of objects."""
    order: tuple[str, ...]
    """Features in the order of the table that production has; a feature that is not named here follows at the end."""
    families: tuple[Family, ...]
    indexes: tuple[Index, ...]
    tables: tuple[Table, ...]
    """Cassandra tables; the first one holds the detections that the features are computed from."""
    notes: str
    """What holds for all features, in Markdown: the head of the documentation."""
    deviations: tuple[Deviation, ...]

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """Every feature, in the order of the table, without the key."""
        declared = {feature.name: feature for family in self.families for feature in family.features}
        names = [*self.order, *(name for name in declared if name not in self.order)]
        return tuple(declared[name] for name in names)

    @property
    def columns(self) -> tuple[Feature, ...]:
        """Every column of the table of objects, in its order, the key first."""
        return (self.key, *self.features)

    @property
    def detections(self) -> Table:
        return self.tables[0]

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Columns of the detections to read: the key and whatever a feature needs, in the order of the table."""
        wanted = {*self.detections.partition_key, *self.detections.clustering}
        wanted |= {name for family in self.families for name in family.needs}
        return tuple(column.name for column in self.detections.columns if column.name in wanted)
