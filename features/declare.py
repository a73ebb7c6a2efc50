"""What a survey is: tables, and features, each declared once beside the function that computes it.

From these declarations come the DDL, the CSV header, the load's column list, the documentation and the schema hash.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.curves import LightCurves

_DTYPES = {"double": "f8", "float": "f8", "int": "i8", "bigint": "i8", "varchar": "O"}
_CQL_DTYPES = {"ascii": "O", "text": "O", "float": "f8", "double": "f8", "boolean": "?"}
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
    default: str = "DEFAULT NULL"
    """What follows the type in the DDL."""

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
    """What the function reads, and all that it can read: ``column`` of the detections, ``table.column`` of another
    table (``curves.others``), ``given.name`` of what comes from outside Cassandra (``curves.given``)."""
    function: Callable[[LightCurves], FeatureArrays]
    original: Callable[[LightCurves], FeatureArrays] | None = None
    """The same features with the defects of the original code that ``function`` puts right (``Survey.as_lasair``)."""

    @property
    def name(self) -> str:
        return self.function.__name__

    def __call__(self, curves: LightCurves) -> FeatureArrays:
        return self.function(curves)


def family(
    *features: Feature, needs: str, original: Callable[[LightCurves], FeatureArrays] | None = None
) -> Callable[[Callable[[LightCurves], FeatureArrays]], Family]:
    """Declare the features that the decorated function returns; ``needs`` are ``Family.needs`` with blanks between."""

    def declare(function: Callable[[LightCurves], FeatureArrays]) -> Family:
        return Family(features, tuple(needs.split()), function, original)

    return declare


@dataclass(frozen=True)
class Column:
    """A column of a Cassandra table."""

    name: str
    cql: str

    @property
    def dtype(self) -> np.dtype[Any]:
        """object (str), float64, bool or int64, by the CQL type."""
        return np.dtype(_CQL_DTYPES.get(self.cql, "i8"))


@dataclass(frozen=True)
class Table:
    """A Cassandra table; clustering order is ascending. Its partition key is the object's."""

    name: str
    """CQL knows no case in it, other than in the names of columns, which are quoted where they need it."""
    columns: tuple[Column, ...]
    partition_key: tuple[str, ...]
    clustering: tuple[str, ...]
    """The first one is the time; none: at most one row an object."""

    @property
    def key(self) -> Column:
        """The column that says which object a row is of."""
        return self.typed[self.partition_key[0]]

    @cached_property
    def typed(self) -> Mapping[str, Column]:
        """Columns by name."""
        return {column.name: column for column in self.columns}

    def reads(self, wanted: Collection[str]) -> tuple[str, ...]:
        """The key and the wanted columns, in the order of the table."""
        return tuple(each.name for each in self.columns if each.name in (*self.partition_key, *wanted))


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
class Sky:
    """A map of the sky: E(B-V) by the Galaxy's dust (``features.dust``), at an object's place."""

    position: Callable[[LightCurves], tuple[NDArray[np.float64], NDArray[np.float64]]]
    """ra and dec in degrees, NaN where missing, a value an object."""
    needs: tuple[str, ...]
    """What ``position`` reads, as ``Family.needs``."""


@dataclass(frozen=True)
class Record:
    """A table beside the table of objects, one row an object, under the same key: the row as a JSON object."""

    columns: tuple[str, ...]


@dataclass(frozen=True)
class External(Column):
    """A value an object from outside Cassandra; ``cql`` is double or float for a number, text for a record."""

    source: Sky | Record


@dataclass(frozen=True)
class Guard:
    """Features that say how far a row of the table of objects is: a load overwrites no row that is further."""

    time: str
    """The latest detection: a greater one is further."""
    count: str | None
    """Where the times are equal and run and table share the window, a greater one is further; None: time alone says."""

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.time,) if self.count is None else (self.time, self.count)


@dataclass(frozen=True)
class Survey:
    """A survey: what is read, what is computed from it, and the table where it goes."""

    name: str
    title: str
    key: Feature
    """Primary key of the table of objects."""
    order: tuple[str, ...]
    """Columns in the order of the table that production has; a feature that is not named here follows at the end."""
    families: tuple[Family, ...]
    indexes: tuple[Index, ...]
    tables: tuple[Table, ...]
    """Cassandra tables with one partition key; the first one holds the detections, and an object without a row there
    has no features. Of the others, those are read that a feature needs."""
    guard: Guard
    window: float | None
    """Days before an object's latest detection that an environment uses which does not say; None: all."""
    notes: str
    """What holds for all features, in Markdown: the head of the documentation."""
    deviations: tuple[Deviation, ...]
    external: tuple[External, ...] = ()
    """What comes from outside Cassandra, a value an object: ``curves.given``."""
    foreign: tuple[Feature, ...] = ()
    """Columns of the table of objects that others fill: no part has them, and a load leaves them as they are."""
    zero_or_null: bool = False
    """Whether the survey's pipeline writes NULL for a zero, so that an environment may want its table that way."""
    as_lasair: bool = False
    """Whether the families compute what the original code does, with its defects."""

    @property
    def has_originals(self) -> bool:
        """Whether any family keeps what the original code computes."""
        return any(family.original for family in self.families)

    def with_originals(self) -> "Survey":
        """The same survey, computed with the defects of the original code: the schema and its hash are the same."""
        families = tuple(replace(each, function=each.original or each.function) for each in self.families)
        return replace(self, families=families, as_lasair=True)

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """Every feature, in the order of the table, without the key."""
        return tuple(each for each in self.table[1:] if each not in self.foreign)

    @property
    def columns(self) -> tuple[Feature, ...]:
        """Every column of a part, in the order of the table, the key first."""
        return (self.key, *self.features)

    @cached_property
    def table(self) -> tuple[Feature, ...]:
        """Every column of the table of objects, in its order, the key first."""
        declared = {feature.name: feature for family in self.families for feature in family.features}
        declared |= {column.name: column for column in self.foreign}
        names = [*self.order, *(name for name in declared if name not in self.order)]
        return (self.key, *(declared[name] for name in names))

    @cached_property
    def nullable(self) -> frozenset[str]:
        """Names of the columns of the table that can be NULL."""
        return frozenset(each.name for each in self.table[1:] if each.default != "NOT NULL")

    @property
    def detections(self) -> Table:
        return self.tables[0]

    @property
    def time(self) -> str:
        """Column of the detections that holds the time."""
        return self.detections.clustering[0]

    @property
    def inputs(self) -> tuple[str, ...]:
        """Columns of the detections to read: the key and whatever a feature needs, in the order of the table."""
        return self.reads[self.detections.name]

    @cached_property
    def reads(self) -> Mapping[str, tuple[str, ...]]:
        """Columns to read of each table that a feature needs, the detections first; key and order are among them."""
        needs = {name for family in self.families for name in family.needs}
        needs |= {name for each in self.external if isinstance(each.source, Sky) for name in each.source.needs}
        wanted = {}
        for table in self.tables:
            prefix = "" if table is self.detections else f"{table.name}."
            named = {name for name in table.typed if f"{prefix}{name}" in needs}
            if named or table is self.detections:
                wanted[table.name] = table.reads({*table.clustering, *named})
        return wanted

    @property
    def beside(self) -> tuple[tuple[Table, tuple[str, ...]], ...]:
        """Further tables that features need, and their columns to read."""
        return tuple((table, self.reads[table.name]) for table in self.tables[1:] if table.name in self.reads)

    @cached_property
    def times(self) -> Mapping[str, str]:
        """Column that holds the time, of each other table that has one."""
        return {table.name: table.clustering[0] for table in self.tables[1:] if table.clustering}

    def lacking(self, given: Collection[str]) -> tuple[str, ...]:
        """Features that cannot be known where of ``external`` only ``given`` is there."""
        absent = {f"given.{each.name}" for each in self.external if each.name not in given}
        return tuple(
            feature.name
            for family in self.families
            if not absent.isdisjoint(family.needs)
            for feature in family.features
        )
