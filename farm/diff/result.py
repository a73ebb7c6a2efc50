"""What loading a run would change, as the JSON that is kept and the lines that a person reads."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

SCHEMA = 1


@dataclass(frozen=True)
class Move:
    """One object's value in the table and in the run, as text; None is NULL."""

    object: str
    table: str | None
    run: str | None
    distance: float | None
    """Relative difference; None for text, and where one of the two is NULL."""


@dataclass(frozen=True)
class FeatureDiff:
    """One feature, over the rows of both sides that the guard would let through."""

    name: str
    tolerance: float
    """Relative difference up to which two values are the same."""
    moved: int
    """Rows whose value moves by more than the tolerance."""
    to_null: int
    from_null: int
    greatest: float | None
    """Of the numbers that move, the greatest relative difference; None where none does."""
    median: float | None
    """Median of the same, to one part in a hundred."""
    all_null: bool
    """Whether the table has no value of it in any row of both sides."""
    worst: tuple[Move, ...]
    """The greatest moves; after these, values that become or cease to be NULL."""
    spread: Mapping[str, Any] | None = None
    """The values of both sides in bins: low, high, table, run (``farm.diff.spread``); None for text."""

    @property
    def changed(self) -> int:
        return self.moved + self.to_null + self.from_null


@dataclass(frozen=True)
class Diff:
    """A run beside the table: rows = new + changed + unchanged + guarded."""

    run: str
    environment: str
    window: int | Literal["all"]
    table_window: int | Literal["all"]
    node: str
    rows: int
    new: int
    changed: int
    """Rows of both sides of which some feature moves, becomes NULL or ceases to be."""
    unchanged: int
    guarded: int
    """Rows that the table has further than the run, which a load leaves alone."""
    gone: int | None
    """Rows of the table that the run lacks, unread ones aside; None for a run of named objects."""
    unread: int
    """Objects whose light curve the run could not read."""
    new_objects: tuple[str, ...]
    gone_objects: tuple[str, ...]
    """The first ones."""
    features: tuple[FeatureDiff, ...]
    lacking: tuple[str, ...]
    """Columns that are declared, and that the table lacks or has as text for a number: they are not compared."""
    unknown: tuple[str, ...] = ()
    """Features that keep the table's value where the run has none, since it lacked what they need."""
    as_lasair: bool = False
    """Whether the run was made with the original code's defects."""

    @property
    def both(self) -> int:
        """Rows present on both sides."""
        return self.rows - self.new

    def share(self, rows: int) -> float:
        """``rows`` as a share of the rows present on both sides."""
        return rows / self.both if self.both else 0.0

    def as_json(self) -> dict[str, Any]:
        return {"schema": SCHEMA, **asdict(self)}


def from_json(said: Mapping[str, Any]) -> Diff:
    """What ``as_json`` gave. Raises KeyError or TypeError for something else."""
    known: dict[str, Any] = {name: tuple(each) if isinstance(each, list) else each for name, each in said.items()}
    del known["schema"]
    features = [{**each, "worst": tuple(Move(**move) for move in each["worst"])} for each in known["features"]]
    return Diff(**{**known, "features": tuple(FeatureDiff(**each) for each in features)})


def lines(diff: Diff) -> Iterator[str]:
    """The comparison for a person: a line a feature that changes."""
    gone = "gone not counted (a run of named objects)" if diff.gone is None else f"{diff.gone:,} gone"
    yield f"run {diff.run} beside table objects at {diff.node}: {diff.rows:,} rows"
    yield (
        f"  {diff.new:,} new + {diff.changed:,} changed + {diff.unchanged:,} unchanged + {diff.guarded:,} guarded"
        f" = {diff.rows:,}; {gone}"
    )
    if diff.as_lasair:
        yield "  made with the original code's defects (--as-lasair)"
    if diff.unknown:
        yield f"  kept where the run has none, since it lacked what they need: {', '.join(diff.unknown)}"
    yield from _named("new", diff.new_objects, diff.new)
    yield from _named("gone, in the table and not in the run (a load leaves them)", diff.gone_objects, diff.gone or 0)
    if diff.unread:
        yield f"  {diff.unread:,} objects could not be read by the run"
    if diff.window != diff.table_window:
        yield f"  the run has the window {diff.window}, the table {diff.table_window}: the guard compares times alone"
    if diff.lacking:
        yield f"  the table lacks {', '.join(diff.lacking)}: farm schema diff --inventory {diff.environment}"
    yield from _table(diff)


def _table(diff: Diff) -> Iterator[str]:
    changed = [each for each in diff.features if each.changed]
    if changed:
        heads = f"{'feature':<14}{'moved':>10}{'share':>8}{'at most':>10}{'median':>10}{'to NULL':>10}{'from NULL':>11}"
        yield f"{heads}  worst"
    for each in changed:
        worst = ", ".join(f"{move.object} {_text(move.table)} -> {_text(move.run)}" for move in each.worst)
        yield (
            f"{each.name:<14}{each.moved:>10,}{diff.share(each.moved):>8.1%}{_size(each.greatest):>10}"
            f"{_size(each.median):>10}{each.to_null:>10,}{each.from_null:>11,}  {worst}"
        )
    if same := [each.name for each in diff.features if not each.changed]:
        yield f"not changed: {', '.join(same)}"


def _named(what: str, objects: Sequence[str], number: int) -> Iterator[str]:
    if objects:
        more = f" and {number - len(objects):,} more" if number > len(objects) else ""
        yield f"  {what}: {', '.join(objects)}{more}"


def _text(value: str | None) -> str:
    return "NULL" if value is None else value


def _size(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
