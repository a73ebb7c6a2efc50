"""Every row of the parts, read back from two nodes other than the one that was written to.

Each node gives one digest of some hundred rows (``digest``); only where it differs are these rows read and compared.
"""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np

from farm.errors import GaleraError
from farm.galera import Account, ConflictError, Node, NodeLostError, connect_besides
from farm.load.check import Parts, read
from farm.load.columns import Bools, Values, differing, distance
from farm.load.digest import digests, expression
from farm.load.guard import further
from farm.load.options import EVERYTHING, Options
from farm.load.progress import Progress
from farm.load.sql import LOOKUP, by_keys
from farm.load.table import lookup
from features.declare import Feature, Survey

NODES = 2
SAMPLE = 20
"""Of a sample, one row of so many is read."""
_AHEAD = 3
"""Batches on their way to each node."""
_LOSSES = 3

Columns = dict[str, Values]


@dataclass(frozen=True)
class Worst:
    """The value that is furthest from the part's."""

    object: str
    column: str
    part: str
    table: str
    distance: float
    """Relative; infinite for text and for NULL."""


@dataclass
class Verified:
    """Rows that were read and are ``equal``, ``guarded`` or ``differing``, and those that the table lacks.

    Of several nodes, the counts of the one that differs most.
    """

    nodes: tuple[str, ...] = ()
    sample: bool = False
    equal: int = 0
    guarded: int = 0
    """Rows that differ because the table has them further than the parts."""
    differing: int = 0
    missing: int = 0
    columns: Counter[str] = field(default_factory=Counter)
    """In how many of the differing rows a column differs."""
    worst: Worst | None = None

    @property
    def compared(self) -> int:
        return self.equal + self.guarded + self.differing


@dataclass(frozen=True)
class Wanted:
    """What a table must hold after a load, and the SQL that asks for it."""

    survey: Survey
    options: Options
    no_zeros: bool
    same_window: bool

    @property
    def loaded(self) -> list[Feature]:
        """Columns that the load wrote."""
        return [each for each in self.survey.features if not self.options.columns or each.name in self.options.columns]

    @property
    def digested(self) -> list[Feature]:
        """Columns whose every value is the part's, unless some keep old values."""
        return [self.survey.key, *self.loaded]

    @property
    def read(self) -> list[tuple[str, str]]:
        """Name and SQL type of the columns that the guard and a comparison need."""
        needed = {self.survey.key.name, *self.survey.guard.columns, *(each.name for each in self.loaded)}
        return [(each.name, each.sql) for each in self.survey.columns if each.name in needed]

    def digest(self, part: Columns) -> int | None:
        """Of rows of a part as the table must hold them; None where what it must hold hangs on what it held."""
        return None if self.options.keep_not_null else int(np.bitwise_xor.reduce(digests(self.digested, part)))

    def of(self, values: Columns) -> Columns:
        zeroless = self.survey.nullable if self.no_zeros else frozenset()
        return {column: each.without_zeros() if column in zeroless else each for column, each in values.items()}

    def differs(self, part: Columns, table: Columns) -> dict[str, Bools]:
        """Column by column, where the table does not hold what it must."""
        found = {}
        for column in (self.survey.key, *self.loaded):
            found[column.name] = differing(part[column.name], table[column.name])
            if column.name in self.options.keep_not_null:
                found[column.name] &= ~part[column.name].null
        return found

    def ask_digest(self, keys: int) -> str:
        return by_keys(f"COUNT(*), {expression(self.digested)}", self.survey.key.name, keys)


def verify(
    parts: Parts, account: Account, writer: str | None, options: Options = EVERYTHING, sample: bool = False
) -> Verified:
    """Read every row back from two nodes other than ``writer`` (None: any), having waited for what they must apply.

    From one, where there is no other. With ``sample`` a part of the rows is read. Raises GaleraError where no node is
    left.
    """
    wanted = Wanted(parts.survey, options, account.zeros == "null", parts.window == account.window)
    note = Progress("verify", parts.rows).note
    for _ in range(_LOSSES):
        nodes = connect_besides(account, writer, NODES)
        if len(nodes) < min(NODES, len(account.hosts)):
            note(f"only {nodes[0].address} can be read back from: the rows are compared with one node")
        try:
            for node in nodes:
                node.execute("SET SESSION wsrep_sync_wait = 1")
            found = _verify(nodes, parts, wanted, sample)
        except (NodeLostError, ConflictError) as error:
            note(f"{error}: reading again")
        else:
            worst = max(found, key=lambda each: (each.differing + each.missing, each.guarded))
            worst.nodes, worst.sample = tuple(node.address for node in nodes), sample
            return worst
        finally:
            for node in nodes:
                node.close()
    raise GaleraError(
        f"reading back lost a node {_LOSSES} times. The rows are loaded; compare them later with csv_to_database"
        " --verify-only"
    )


def _verify(nodes: Sequence[Node], parts: Parts, wanted: Wanted, sample: bool) -> list[Verified]:
    """What each of the nodes holds; they are asked at the same time."""
    found = [Verified() for _ in nodes]
    progress = Progress("verify", parts.rows)
    going: deque[Future[None]] = deque()
    with ExitStack() as stack:
        pools = [stack.enter_context(ThreadPoolExecutor(1)) for _ in nodes]
        for part in _sampled(parts) if sample else _batches(parts, LOOKUP):
            part = wanted.of(part)
            digest = wanted.digest(part)
            for pool, node, verified in zip(pools, nodes, found, strict=True):
                going.append(pool.submit(_compare, node, part, digest, wanted, verified))
            while len(going) > _AHEAD * len(nodes):
                going.popleft().result()
            progress.add(len(part[wanted.survey.key.name].data))
        for future in going:
            future.result()
    progress.done()
    return found


def _batches(parts: Parts, size: int) -> Iterator[Columns]:
    return (batch.values for part in parts.parts for batch in read(part.csv, parts.survey, size))


def _sampled(parts: Parts) -> Iterator[Columns]:
    """Of every part the first row, the last one, and every so many-eth between."""
    for columns in _batches(parts, (LOOKUP - 1) * SAMPLE):
        size = len(columns[parts.survey.key.name].data)
        rows = sorted({*range(0, size, SAMPLE), size - 1})
        yield {name: values.take(rows) for name, values in columns.items()}


def _compare(node: Node, part: Columns, digest: int | None, wanted: Wanted, verified: Verified) -> None:
    key = wanted.survey.key.name
    keys = part[key].data.tolist()
    if digest is not None:
        count, found = node.rows(wanted.ask_digest(len(keys)), keys)[0]
        if (int(count), int(found)) == (len(keys), digest):
            verified.equal += len(keys)
            return
    table, there = lookup(node, key, wanted.read, keys)
    part = {column: each.take(there) for column, each in part.items()}
    differs = wanted.differs(part, table)
    anywhere = np.logical_or.reduce(list(differs.values()))
    guarded = anywhere & further(wanted.survey.guard, table, part, wanted.same_window)
    wrong = anywhere & ~guarded
    verified.missing += len(keys) - len(there)
    verified.equal += int((~anywhere).sum())
    verified.guarded += int(guarded.sum())
    verified.differing += int(wrong.sum())
    if wrong.any():
        _blame(part, table, {column: where & wrong for column, where in differs.items()}, key, verified)


def _blame(part: Columns, table: Columns, wrong: dict[str, Bools], key: str, verified: Verified) -> None:
    for column, where in wrong.items():
        rows = np.flatnonzero(where).tolist()
        verified.columns[column] += len(rows)
        for row in rows:
            far = distance(part[column], table[column], row)
            if verified.worst is None or far > verified.worst.distance:
                verified.worst = Worst(part[key].at(row), column, part[column].at(row), table[column].at(row), far)
    verified.columns += Counter()
