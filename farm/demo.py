"""The whole way through on the lab, and a table at the end that says what was done."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from farm import lab
from farm.errors import Exit, SetupError
from farm.load.summary import COUNTS
from farm.seed.driver import from_files

BIN = Path(sys.executable).parent
PROJECT = Path(__file__).resolve().parents[1]
WIDTH = 120
"""Columns where there is no terminal."""


@dataclass(frozen=True)
class Done:
    """One step that ended well: what was typed, the seconds it took, and what it said in JSON."""

    command: str
    seconds: float
    said: dict[str, Any]


def run(alerts: Path | None, objects: int) -> None:
    """Do every step, showing each command; stop at the first that fails.

    Raises:
        SetupError: this machine cannot make the lab.
        InputError: ``alerts`` is not there, unreadable or foreign; nothing has been made then.
    """
    if alerts is not None:
        from_files([alerts])
    if problems := lab.preflight():
        raise SetupError("the demo needs a lab, which this machine cannot make: " + "; ".join(problems))
    console = Console(stderr=True)
    source = ["--from", str(alerts.absolute())] if alerts else ["--objects", str(objects), "--all-tables"]
    made = step(console, ["farm", "lab", "up"])
    provisioned = step(console, ["ansible-playbook", "provision.yml"])
    seeded = step(console, ["farm", "lab", "seed", *source, "--replace", "--json"])
    rebuilt = step(console, ["farm", "rebuild", "--inventory", "lab", "--json"])
    run_id = rebuilt.said["run"]
    loaded = step(console, ["farm", "load", run_id, "--inventory", "lab", "--json"])
    Console(width=None if sys.stdout.isatty() else WIDTH).print(summary(made, provisioned, seeded, rebuilt, loaded))
    print(closing(run_id))


def step(console: Console, command: list[str]) -> Done:
    """Run one command of the toolkit; its progress goes to the terminal, its JSON comes back."""
    console.rule(f"[bold]{' '.join(command)}", align="left")
    wants_json = "--json" in command
    start = time.monotonic()
    ended = subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=PROJECT,
        stdout=subprocess.PIPE if wants_json else None,
        text=True,
        check=False,
    )
    if ended.returncode:
        console.print(f"[bold red]{' '.join(command)} ended with {ended.returncode}; the lab is left as it is")
        sys.exit(ended.returncode if ended.returncode > 0 else Exit.INTERRUPTED)
    return Done(" ".join(command), time.monotonic() - start, json.loads(ended.stdout) if wants_json else {})


def summary(made: Done, provisioned: Done, seeded: Done, rebuilt: Done, loaded: Done) -> Table:
    """What was done, a step a line; the last line says whether Galera holds what was computed."""
    results, load, verify = rebuilt.said["results"], loaded.said["load"], loaded.said["verify"]
    table = Table(title="Done", title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("step")
    table.add_column("seconds", justify="right")
    table.add_column("what was done")
    workers = len(rebuilt.said["workers"])
    steps = [
        ("lab", made, f"{len(lab.HOSTS)} hosts up"),
        ("provision", provisioned, "keys, feature code, Cassandra, Galera, accounts"),
        ("seed", seeded, f"{seeded.said['objects']:,} objects with {seeded.said['rows']:,} detections in Cassandra"),
        (
            "rebuild",
            rebuilt,
            f"{results['objects']:,} objects of {results['rows']:,} detections, on {workers} workers"
            f" in {rebuilt.said['done']} tasks",
        ),
        (
            "load",
            loaded,
            ", ".join(f"{load[name]:,} {name}" for name in COUNTS),
        ),
    ]
    for name, done, what in steps:
        table.add_row(name, f"{done.seconds:.0f}", what)
    table.add_row("", "", "")
    table.add_row(
        "compared",
        "",
        f"{verify['compared']:,} rows x {verify['columns']} columns on {' and '.join(verify['nodes'])}"
        " with the parts:\n"
        f"{verify['equal']:,} equal, {verify['guarded']:,} guarded, {verify['differing']:,} differing,"
        f" {verify['missing']:,} missing",
    )
    return table


def closing(run_id: str) -> str:
    """How to look at what the demo left, and how to end it."""
    return f"""
The lab is still up. Look at it:
    source .venv/bin/activate
    farm workers --inventory lab
    farm load {run_id} --inventory lab                     the same load again changes nothing
    farm export --inventory lab --out objects.parquet      the table, for pandas, Polars, DuckDB
    farm lab status
End it:
    farm lab down                                          keeps the image, so that the next start is quick"""
