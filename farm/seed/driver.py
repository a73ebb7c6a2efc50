"""`farm lab seed`: light curves, from files or simulated, into the lab's Cassandra."""

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

import numpy as np

from farm.errors import CassandraError, InputError, SetupError
from farm.inventory import Inventory, load
from farm.lab import find
from farm.seed import files, simulate, store, tables
from farm.seed.node import Node
from farm.seed.progress import bar
from farm.seed.rows import Rows
from farm.seed.sstables import Feed, feed
from features import DEFAULT, survey
from features.declare import Survey
from features.schema import cql_name

KEYSPACE = "lasair"
ACCOUNT = "farm_admin"

Existing = Literal["refuse", "replace", "append"]
"""What happens where the table holds rows: an error; they go; they stay, and those of the same key are overwritten."""


@dataclass(frozen=True)
class Source:
    """Light curves to seed with."""

    what: str
    rows: int
    objects: int
    chunks: Callable[[], Iterator[Mapping[str, Rows]]]
    """Table to some of its rows, in the order of the tokens."""
    tables: tuple[str, ...]
    """Those that have rows."""
    survey: Survey


@dataclass(frozen=True)
class Seeded:
    source: str
    rows: int
    objects: int
    seconds: float


def simulated(objects: int, mean_rows: float, seed: int, whose: str = DEFAULT, *, all_tables: bool = False) -> Source:
    """``all_tables``: those too that no feature reads, where they can be simulated.

    Raises InputError for numbers that make no light curve, and for a survey that has no simulation.
    """
    rows = round(objects * mean_rows)
    if objects < 1 or rows < objects:
        raise InputError(
            f"{objects} objects with {mean_rows} rows each cannot be simulated: ask for at least one of each"
        )
    of = survey(whose)
    made = simulate.simulation(of)
    names = [table.name for table in of.tables] if all_tables and hasattr(made, "beside") else [*of.reads]
    return Source(
        f"{objects:,} simulated objects (seed {seed})",
        rows,
        objects,
        lambda: simulate.light_curves(of, objects, rows, seed, all_tables=all_tables),
        tuple(names),
        of,
    )


def from_files(paths: Sequence[Path], whose: str = DEFAULT) -> Source:
    """Raises InputError where one of ``paths`` is unreadable or foreign."""
    of = survey(whose)
    found = files.listed(paths, of)
    read = files.read(found, of)
    ids = np.ma.getdata(read[of.detections.name][of.detections.key.name])
    what = ", ".join(map(str, paths))
    if found.left_out:
        what += f" without {', '.join(each.name for each in found.left_out)}"
    return Source(what, len(ids), len(np.unique(ids)), lambda: tables.chunks(read), tuple(read), of)


def seed(source: Source, existing: Existing, keyspace: str = KEYSPACE, stream: TextIO | None = None) -> Seeded:
    """Fill the lab's tables; progress goes to ``stream``, standard error by default.

    Raises LabError where the lab is not up, CassandraError where its Cassandra or table is not there,
    InputError where a table of the survey holds rows and ``existing`` is ``refuse``.
    """
    started = time.monotonic()
    stream = stream or sys.stderr
    inventory = load("lab")
    node = Node(find(inventory.group("managed_cassandra")[0].name))
    with _tables(inventory, node, keyspace, source) as there:
        filled = [each for each in there.values() if not each.empty()]
        if filled and existing == "refuse":
            raise InputError(
                f"{keyspace}.{filled[0].name} on {node.host.name} holds rows already: --replace takes them away,"
                " --append adds to them"
            )
        with tempfile.TemporaryDirectory(prefix="farm-seed-") as scratch:
            samples = _write(source, inventory.home.root, keyspace, Path(scratch), stream)
            stream.write(f"sending SSTables to {node.host.name}, which imports them\n")
            with node.sent(Path(scratch)) as remote:
                if filled and existing == "replace":
                    for each in filled:
                        each.truncate()
                    node.clear_snapshots(keyspace)
                for name in samples:
                    node.import_sstables(keyspace, name.lower(), remote)
        for name, expected in samples.items():
            there[name].verify(expected)
    return Seeded(source.what, source.rows, source.objects, time.monotonic() - started)


@contextmanager
def _tables(inventory: Inventory, node: Node, keyspace: str, source: Source) -> Iterator[dict[str, store.Table]]:
    """Those of the survey's tables that are there; raises CassandraError where one that is to be filled is not."""
    secret = inventory.home.secret("cassandra_admin")
    if not secret.exists():
        raise SetupError(
            f"there is no {secret}: run ansible-playbook -i {inventory.path} provision.yml, which makes"
            " Cassandra's accounts"
        )
    account = store.Account(ACCOUNT, secret.read_text().strip())
    first, *others = source.survey.tables
    with store.connect(node.host.address, 9042, account, keyspace, first.name, cql_name(first.key.name)) as opened:
        found = {first.name: opened}
        for table in others:
            there = opened.beside(table.name, cql_name(table.key.name))
            if there is not None:
                found[table.name] = there
        if absent := [name for name in source.tables if name not in found]:
            raise CassandraError(
                f"{node.host.name} has no table {keyspace}.{absent[0]}:"
                f" run ansible-playbook -i {inventory.path} provision.yml"
            )
        yield found


def _write(source: Source, home: Path, keyspace: str, folder: Path, stream: TextIO) -> dict[str, Counter[Any]]:
    """SSTables of all rows; returns how many some objects have, the first and last one of each chunk, by table."""
    jars = next(iter(sorted(home.glob("cassandra-*/lib"))), home / "cassandra" / "lib")
    samples: dict[str, Counter[Any]] = {}
    of = source.survey
    with ExitStack() as stack, bar(stream, f"SSTables of {source.what}", source.rows, "rows") as advance:
        feeds: dict[str, Feed] = {}
        for chunk in source.chunks():
            for name, rows in chunk.items():
                table = next(each for each in of.tables if each.name == name)
                if name not in feeds:
                    target = folder / keyspace / name.lower()
                    target.mkdir(parents=True)
                    feeds[name] = stack.enter_context(feed(jars, home / "seed-classes", table, keyspace, target))
                    samples[name] = Counter()
                ids = np.ma.getdata(rows[table.key.name])
                if len(ids):
                    feeds[name].add(rows)
                    for each in {ids[0], ids[-1]}:
                        samples[name][_plain(each)] += int(np.count_nonzero(ids == each))
                if table is of.detections:
                    advance(len(ids))
    return samples


def _plain(key: Any) -> Any:
    return key.decode() if isinstance(key, bytes) else int(key)
