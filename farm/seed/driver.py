"""`farm lab seed`: light curves, from files or simulated, into the lab's Cassandra."""

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TextIO

import numpy as np

from farm.errors import InputError, SetupError
from farm.home import Home
from farm.inventory import load
from farm.lab import find
from farm.seed import files, simulate, store
from farm.seed.node import Node
from farm.seed.progress import bar
from farm.seed.rows import Rows
from farm.seed.sstables import feed
from features import survey
from features.htm import htm_id

SURVEY = survey("ztf")
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
    chunks: Callable[[], Iterator[Rows]]
    """Rows of ``candidates`` without htmid16, whole chunks in the order of the tokens."""


@dataclass(frozen=True)
class Seeded:
    source: str
    rows: int
    objects: int
    seconds: float


def simulated(objects: int, mean_rows: float, seed: int) -> Source:
    """Raises InputError for numbers that make no light curve."""
    rows = round(objects * mean_rows)
    if objects < 1 or rows < objects:
        raise InputError(
            f"{objects} objects with {mean_rows} rows each cannot be simulated: ask for at least one of each"
        )
    what = f"{objects:,} simulated objects (seed {seed})"
    return Source(what, rows, objects, lambda: simulate.light_curves(objects, rows, seed))


def from_files(path: Path) -> Source:
    """Raises InputError where ``path`` is unreadable or foreign."""
    rows = files.read(path, {column.name: column.cql for column in SURVEY.detections.columns})
    objects = 1 + int(np.count_nonzero(rows["objectid"][1:] != rows["objectid"][:-1]))
    return Source(str(path), len(rows["jd"]), objects, lambda: files.chunks(rows))


def seed(source: Source, existing: Existing, keyspace: str = KEYSPACE, stream: TextIO | None = None) -> Seeded:
    """Fill the lab's table of detections; progress goes to ``stream``, standard error by default.

    Raises LabError where the lab is not up, CassandraError where its Cassandra or table is not there,
    InputError where the table holds rows and ``existing`` is ``refuse``.
    """
    started = time.monotonic()
    stream = stream or sys.stderr
    inventory = load("lab")
    node = Node(find(inventory.group("managed_cassandra")[0].name))
    with _table(inventory.home, node, keyspace) as table:
        filled = not table.empty()
        if filled and existing == "refuse":
            raise InputError(
                f"{table.keyspace}.{table.name} on {node.host.name} holds rows already: --replace takes them away,"
                " --append adds to them"
            )
        with tempfile.TemporaryDirectory(prefix="farm-seed-") as scratch:
            samples = _write(source, inventory.home.root, keyspace, Path(scratch), stream)
            stream.write(f"sending SSTables to {node.host.name}, which imports them\n")
            with node.sent(Path(scratch)) as remote:
                if filled and existing == "replace":
                    table.truncate()
                    node.clear_snapshots(table.keyspace)
                node.import_sstables(table.keyspace, table.name, remote)
        table.verify(samples)
    return Seeded(source.what, source.rows, source.objects, time.monotonic() - started)


@contextmanager
def _table(home: Home, node: Node, keyspace: str) -> Iterator[store.Table]:
    secret = home.secret("cassandra_admin")
    if not secret.exists():
        raise SetupError(f"there is no {secret}: run ansible-playbook provision.yml, which makes Cassandra's accounts")
    account = store.Account(ACCOUNT, secret.read_text().strip())
    with store.connect(node.host.address, 9042, account, keyspace, SURVEY.detections.name) as table:
        yield table


def _write(source: Source, home: Path, keyspace: str, folder: Path, stream: TextIO) -> dict[str, int]:
    """SSTables of all rows; returns how many some objects have, the first and last one of each chunk."""
    jars = next(iter(sorted(home.glob("cassandra-*/lib"))), home / "cassandra" / "lib")
    target = folder / keyspace / SURVEY.detections.name
    target.mkdir(parents=True)
    samples: Counter[bytes] = Counter()
    with (
        feed(jars, home / "seed-classes", SURVEY.detections, keyspace, target) as fed,
        bar(stream, f"SSTables of {source.what}", source.rows, "rows") as advance,
    ):
        for rows in source.chunks():
            rows["htmid16"] = _htm(rows)
            fed.add(rows)
            for name in {rows["objectid"][0], rows["objectid"][-1]}:
                samples[name] += int(np.count_nonzero(rows["objectid"] == name))
            advance(len(rows["jd"]))
    return {name.decode(): count for name, count in samples.items()}


def _htm(rows: Rows) -> np.ma.MaskedArray:
    """Level-16 HTM ids; missing where a coordinate is."""
    missing = np.ma.getmaskarray(rows["ra"]) | np.ma.getmaskarray(rows["dec"])
    return np.ma.array(htm_id(np.ma.getdata(rows["ra"]), np.ma.getdata(rows["dec"]), 16), mask=missing)
