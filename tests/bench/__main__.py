"""``make bench``: measure on the lab, print tables, keep JSON and plots in docs/benchmarks/; arguments say which."""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "load"))
sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))

from tests.bench import machine
from tests.bench.rebuild import ready, say

KEPT = Path(__file__).parents[2] / "docs" / "benchmarks"
BENCHES = ("features", "rebuild", "lsst", "mining", "dispatch", "load", "losses")
"""Modules with measure() and table(measured), and plot(measured) where there is something to see."""


def main(names: Sequence[str]) -> None:
    ready()
    KEPT.mkdir(parents=True, exist_ok=True)
    for name in names or BENCHES:
        bench = import_module(f"tests.bench.{name}")
        say(f"bench {name}")
        measured = {
            "schema": 1,
            "when": f"{datetime.now(UTC):%Y-%m-%d}",
            "machine": machine.describe(),
            **bench.measure(),
        }
        (KEPT / f"{name}.json").write_text(json.dumps(measured, indent=1) + "\n")
        if hasattr(bench, "plot"):
            (KEPT / f"{name}.svg").write_text(bench.plot(measured))
        print(bench.table(measured), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
