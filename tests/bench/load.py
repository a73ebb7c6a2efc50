"""csv_to_database beside a plain LOAD DATA of the same files, on the lab's Galera.

Each method loads four times in a row, in a database of its own: into an empty table (A), then rows whose indexed
columns changed (B on A), then rows whose other columns changed (C on B), then the same again (C on C). Which method
goes first alternates. Plain is one connection, ``LOAD DATA LOCAL INFILE ... REPLACE`` and a commit a file, until every
node has applied all of it: no guard, no staging, no resumption, no undo. Ours is the program with all that it does,
nobody else writing: staging and guarded merge (``merge``), with old values kept and every node sampled; the check of
every field before it and the read-back of every row from two nodes after it are figures of their own. Ratios are of
the medians of ``merge`` and plain; beside them those with the check.
"""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulated_parts import ZTF, simulate, write_part

from farm import lab
from farm.galera import Node, read_account
from farm.home import Home
from farm.load.sql import names
from farm.parts import FIRST_TOKEN, LAST_TOKEN
from features.batch import Rows
from tests.bench.rebuild import say

SIZES = {128_000: 3, 384_000: 1}
"""Rows, and how often each method is repeated."""
FILE_ROWS = 4_000
CASES = {"empty table": "A", "indexed columns changed": "B", "other columns changed": "C", "nothing changed": "C"}
DATABASE = "farm_bench"
_FORMAT = (
    r"CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '\\'"
    r" LINES TERMINATED BY '\n' IGNORE 1 LINES"
)

Row = dict[str, Any]


@dataclass(frozen=True)
class Galera:
    """The database of the bench."""

    option_file: Path

    def sql(self, statements: str) -> None:
        command = lab.ssh_command(lab.find("g1"), "mariadb")
        subprocess.run(command, input=statements, text=True, check=True, timeout=120)

    def empty(self) -> None:
        self.sql(f"TRUNCATE {DATABASE}.objects; TRUNCATE {DATABASE}.farm_load")
        self.settled()

    def settled(self) -> None:
        """Return when every node has applied everything."""
        account = read_account(self.option_file)
        for address in account.hosts:
            with Node(account, address) as node:
                node.execute("SET SESSION wsrep_sync_wait = 1")
                node.rows("SELECT COUNT(*) FROM farm_load")


@contextmanager
def galera(scratch: Path) -> Iterator[Galera]:
    """A database with the table as it is, and an account that may also REPLACE."""
    lines = Home("lab").secret("galera_loader.cnf").read_text().splitlines()
    for key, value in {"user": DATABASE, "password": DATABASE, "database": DATABASE}.items():
        lines = [f"{key} = {value}" if line.partition(" = ")[0] == key else line for line in lines]
    file = scratch / "bench.cnf"
    file.touch(mode=0o600)
    file.write_text("\n".join(lines) + "\n")
    found = Galera(file)
    drop = f"DROP DATABASE IF EXISTS {DATABASE}; DROP USER IF EXISTS {DATABASE}@'%'"
    found.sql(
        f"{drop}; CREATE DATABASE {DATABASE}; CREATE TABLE {DATABASE}.objects LIKE ztf.objects;"
        f" CREATE TABLE {DATABASE}.farm_load LIKE ztf.farm_load; CREATE USER {DATABASE}@'%' IDENTIFIED BY '{DATABASE}';"
        f" GRANT SELECT, INSERT, UPDATE, DELETE, CREATE TEMPORARY TABLES ON {DATABASE}.* TO {DATABASE}@'%'"
    )
    try:
        yield found
    finally:
        found.sql(drop)


def measure() -> Row:
    with tempfile.TemporaryDirectory() as scratch, galera(Path(scratch)) as cluster:
        sizes = [size(rows, repeats, cluster, Path(scratch)) for rows, repeats in SIZES.items()]
    return {"method": __doc__, "manners": True, "old_values_kept": True, "sizes": sizes}


def size(rows: int, repeats: int, cluster: Galera, scratch: Path) -> Row:
    """All cases at one size."""
    say(f"{rows:,} rows: writing parts")
    folders = parts(rows, scratch / str(rows))
    plain: dict[str, list[float]] = {case: [] for case in CASES}
    ours: dict[str, list[Row]] = {case: [] for case in CASES}
    for repeat in range(repeats):
        for method in ("plain", "ours") if repeat % 2 == 0 else ("ours", "plain"):
            cluster.empty()
            for case, name in CASES.items():
                if method == "plain":
                    plain[case].append(load_plainly(cluster, folders[name]))
                    say(f"  {case}, plain: {plain[case][-1]:.2f} s")
                else:
                    ours[case].append(load(cluster, folders[name]))
                    say(f"  {case}, ours: {ours[case][-1]}")
    shutil.rmtree(scratch / str(rows))
    return {"rows": rows, "files": len(list(range(0, rows, FILE_ROWS))), "cases": [
        compared(case, plain[case], ours[case]) for case in CASES]}  # fmt: skip


def compared(case: str, plain: list[float], ours: list[Row]) -> Row:
    middle = {step: statistics.median(each[step] for each in ours) for step in ("check", "merge", "verify")}
    return {
        "case": case,
        "plain_seconds": plain,
        "ours": ours,
        "ratio": middle["merge"] / statistics.median(plain),
        "ratio_with_check": (middle["check"] + middle["merge"]) / statistics.median(plain),
        "check_seconds": middle["check"],
        "verify_seconds": middle["verify"],
    }


def parts(rows: int, folder: Path) -> dict[str, Path]:
    """The parts A, B and C."""
    step = (LAST_TOKEN - FIRST_TOKEN) // (rows // FILE_ROWS)
    for number in range(rows // FILE_ROWS):
        last = number == rows // FILE_ROWS - 1
        ring = [FIRST_TOKEN + number * step, LAST_TOKEN if last else FIRST_TOKEN + (number + 1) * step]
        first = simulate(FILE_ROWS, seed=number, prefix="L", first=number * FILE_ROWS)
        second = simulate(FILE_ROWS, seed=number + rows, prefix="L", first=number * FILE_ROWS)
        second.values["jdmax"] = first.values["jdmax"] + 1  # type: ignore[index]
        for name, part in {"A": first, "B": second, "C": third(second)}.items():
            (folder / name).mkdir(parents=True, exist_ok=True)
            write_part(folder / name, part, f"t{number:04d}", range=ring)
    return {name: folder / name for name in "ABC"}


def third(rows: Rows) -> Rows:
    """The same rows with other values in every column that no index has."""
    indexed = {column for index in ZTF.indexes for column in index.columns}
    values = dict(rows.values)
    for column in ZTF.features:
        if column.name not in indexed and column.width is None:
            values[column.name] = values[column.name] + 1
    return Rows(rows.survey, rows.object_id, values, rows.missing)


def load_plainly(cluster: Galera, folder: Path) -> float:
    account = read_account(cluster.option_file)
    files = sorted(folder.glob("*.csv"))
    begun = time.monotonic()
    with Node(account, account.hosts[0]) as node:
        for file in files:
            node.load(f"LOAD DATA LOCAL INFILE %s REPLACE INTO TABLE objects {_FORMAT} ({names(ZTF.columns)})", file)
            node.commit()
    cluster.settled()
    return time.monotonic() - begun


def load(cluster: Galera, folder: Path) -> Row:
    """The seconds of each step of csv_to_database, the merge until every node has applied it."""
    command = [
        Path(sys.executable).with_name("csv_to_database"),
        folder,
        "--option-file",
        cluster.option_file,
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1800)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    seconds: Row = json.loads(done.stdout)["seconds"]
    return seconds


def table(measured: Row) -> str:
    """A line a case."""
    heads = f"{'plain':>8} {'ours':>8} {'ratio':>6} {'check':>7} {'with it':>8} {'read-back':>10}"
    told = [f"{'rows':>8} {'case':<24} {heads}"]
    for each in measured["sizes"]:
        for case in each["cases"]:
            merge = statistics.median(one["merge"] for one in case["ours"])
            told.append(
                f"{each['rows']:>8,} {case['case']:<24} {statistics.median(case['plain_seconds']):>6.1f} s"
                f" {merge:>6.1f} s {case['ratio']:>6.2f} {case['check_seconds']:>5.1f} s"
                f" {case['ratio_with_check']:>8.2f} {case['verify_seconds']:>8.1f} s"
            )
    return "\n".join(told)
