"""The types of what is yielded, inferred once, of all rows of the first objects: one that differs changes nothing."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import pyarrow as pa

from features.mining import convert, errors, table
from features.mining.guard import Guard, Reply

FIRST = 500
"""Objects whose rows are looked at."""


def typed(replies: Iterable[Reply], guard: Guard, first: int = FIRST) -> Iterator[Reply]:
    """The replies, their rows of one schema: where there is none yet, the first ones wait until it can be inferred."""
    waiting = list[Reply]()
    for reply in replies:
        waiting.append(reply)
        if guard.schema is None and sum(each.given for each in waiting) >= first:
            guard.schema = schema([rows for each in waiting for rows in each.rows], guard.key)
        if guard.schema is not None:
            yield from _fitted(waiting, guard)
            waiting = []
    if waiting:
        guard.schema = schema([rows for each in waiting for rows in each.rows], guard.key)
        yield from _fitted(waiting, guard)


def _fitted(replies: Sequence[Reply], guard: Guard) -> Iterator[Reply]:
    """Their rows under the schema; an object of which one does not fit has failed, and has none."""
    into = guard.schema
    for reply in replies:
        if into is None or all(rows.schema == into for rows in reply.rows):
            yield reply
            continue
        tables, unfit = convert.refitted(reply.rows, into)
        failed = dict(reversed(unfit))
        kinds = [errors.of(name, error, guard.script) for name, error in failed.items()]
        yield replace(
            reply,
            rows=[convert.without(each, failed) for each in tables],
            kinds=errors.merged([*reply.kinds, *kinds]),
            failed=reply.failed + len(failed),
        )


def schema(tables: Sequence[pa.Table], key: str) -> pa.Schema | None:
    """What most of the values are, of each column, in the order of their coming; None where there are no rows.

    Whole numbers beside others become float64; what is missing in all rows is taken for float64.
    """
    found: dict[str, Counter[pa.DataType]] = {}
    for each in tables:
        for name, column in zip(each.column_names, each.columns, strict=True):
            found.setdefault(name, Counter())[column.type] += len(column) - column.null_count
    if not found:
        return None
    own = found.pop(key)
    columns = [pa.field(name, _common(kinds)) for name, kinds in found.items()]
    return pa.schema([pa.field(key, next(iter(own)), nullable=False), *columns])


def _common(kinds: Counter[pa.DataType]) -> pa.DataType:
    """The type that holds most of the values."""
    groups: dict[pa.DataType, int] = {}
    for kind, count in kinds.items():
        known = next((each for each in groups if wider(each, kind) is not None), None)
        if known is None:
            groups[kind] = count
        else:
            groups[wider(known, kind)] = groups.pop(known) + count
    return table.known(max(groups, key=lambda each: groups[each]))


def wider(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """The type that both fit, None where there is none."""
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    if pa.types.is_list(one) and pa.types.is_list(other):
        inner = wider(one.value_type, other.value_type)
        return None if inner is None else pa.list_(inner)
    whole = [pa.types.is_integer(kind) for kind in (one, other)]
    if all(whole):
        return pa.int64()
    if all(is_whole or pa.types.is_floating(kind) for is_whole, kind in zip(whole, (one, other), strict=True)):
        return pa.float64()
    if pa.types.is_timestamp(one) and pa.types.is_timestamp(other) and (one.tz is None) == (other.tz is None):
        units = ["s", "ms", "us", "ns"]
        return pa.timestamp(max(one.unit, other.unit, key=units.index), one.tz)
    return None
