"""docs/scaling.md from the measured figures: ``python -m tests.bench.scale > docs/scaling.md``."""

import json
import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farm.plan import TASKS_A_SLOT

TEMPLATE = Path(__file__).with_name("scaling.md.in")
FIGURES = Path(__file__).parents[2] / "docs" / "benchmarks"
BYTES_A_ROW = 420
"""Of a part, 43 columns."""
WIRE = 1e9 / 8
"""Bytes a second of the head's own link: 1 Gbit/s."""
REPLICAS_READ = 2
"""Of three, at LOCAL_QUORUM."""
GATE = 5 / 128_000
"""Seconds a row of the comparison before a load: docs/load.md."""
GENTLE = 30
"""Rows a second of a load beside a pipeline of 200 commits a second: docs/load.md."""
ORDINARY = "other columns changed"
"""The case of load.json that a nightly rebuild is most like."""


@dataclass(frozen=True)
class Slopes:
    """What was measured, all on one machine of two cores that workers, Cassandra and head share."""

    seconds_a_million: float
    """Of a whole rebuild."""
    node: float
    """Objects a second that one Cassandra node gives to a bare scan, at the largest size."""
    slot: float
    """Objects a second of one slot."""
    share: float
    """Of that, by features.json: what it computes and writes, without waiting for Cassandra."""
    dispatch: float
    """Seconds of the head's processor a task, beats and view included."""
    million_tasks: float
    """Seconds of the scheduler alone for a million tasks."""
    megabytes: float
    """Its memory for a million tasks."""
    rows: float
    """Rows an object."""
    load: Mapping[str, float]
    """Seconds a row of a load, its check and its read-back, by what changes: the slope of the sizes."""


@dataclass(frozen=True)
class Site:
    objects: int
    workers: int
    slots: int
    nodes: int


SITES = (Site(3_700_000, 4, 8, 3), Site(40_000_000, 10, 8, 10), Site(40_000_000, 100, 8, 100))


def measured(folder: Path = FIGURES) -> Slopes:
    rebuild, scaling, features, dispatch, load = (
        _read(folder, name) for name in ("rebuild", "scaling", "features", "dispatch", "load")
    )
    largest = max(rebuild["sizes"], key=lambda size: float(size["objects"]))
    busy = dispatch["head_32_busy_slots"]["living_view"]
    alone = dispatch["scheduler_alone"]
    one = next(each for each in scaling["figures"] if (each["workers"], each["processes"]) == (1, 1))
    micro = max(features["compute_us_per_object"].values()) + features["csv_us_per_object"]
    return Slopes(
        seconds_a_million=rebuild["seconds_per_million_objects"],
        node=largest["bare_scan_objects_per_second"],
        slot=one["objects_per_second"],
        share=one["objects_per_second"] * micro / 1e6,
        dispatch=busy["share_of_a_core"] / (busy["slots"] / float(busy["command"].split()[1])),
        million_tasks=alone["seconds"] * 1e6 / alone["tasks"],
        megabytes=alone["peak_mb"] * 1e6 / alone["tasks"],
        rows=largest["rows"] / largest["objects"],
        load=_loads(load["sizes"]),
    )


def _loads(sizes: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Seconds a row by case, from the smallest and the largest size."""
    least, most = (pick(sizes, key=lambda size: int(size["rows"])) for pick in (min, max))
    rows = most["rows"] - least["rows"]
    small, large = ({case["case"]: _seconds(case) for case in size["cases"]} for size in (least, most))
    return {name: (seconds - small[name]) / rows for name, seconds in large.items()}


def _seconds(case: Mapping[str, Any]) -> float:
    return statistics.median(sum(one.values()) for one in case["ours"])


def _read(folder: Path, name: str) -> dict[str, Any]:
    return dict(json.loads((folder / f"{name}.json").read_bytes()))


def limits(site: Site, slopes: Slopes) -> dict[str, float]:
    """Seconds that each part would take if it alone were the limit."""
    tasks = TASKS_A_SLOT * site.workers * site.slots
    return {
        "Cassandra": site.objects * REPLICAS_READ / (slopes.node * site.nodes),
        "slots": site.objects / (slopes.slot * site.workers * site.slots),
        "parts to the head": site.objects * BYTES_A_ROW / WIRE,
        "head's processor": tasks * slopes.dispatch,
        "gate": site.objects * GATE,
        "load": site.objects * slopes.load[ORDINARY],
    }


def loads(slopes: Slopes) -> list[str]:
    """Lines of the table of loads, by what changes."""
    sizes = sorted({site.objects for site in SITES})
    cases = {f"{name}: a load when nobody else writes": seconds for name, seconds in slopes.load.items()}
    cases |= {"the gate's comparison before it": GATE, "beside a pipeline that writes": 1 / GENTLE}
    return [
        f"| {name} | {1 / seconds:,.0f} |" + "".join(f" {_clock(size * seconds)} |" for size in sizes)
        for name, seconds in cases.items()
    ]


def page(slopes: Slopes) -> str:
    found = [(site, limits(site, slopes)) for site in SITES]
    names = list(found[0][1])
    rows = [
        f"| {site.objects / 1e6:g} million | {site.workers} x {site.slots} | {site.nodes} |"
        + "".join(f" {_clock(each[name])} |" for name in names)
        + f" **{max(each, key=lambda name: each[name])}** |"
        for site, each in found
    ]
    whole = 40 * slopes.seconds_a_million / 3600
    balance = slopes.node * SITES[-1].nodes / REPLICAS_READ / slopes.slot
    link = WIRE / BYTES_A_ROW
    return TEMPLATE.read_text(encoding="utf-8").format(
        whole=f"{whole:.1f}",
        million=f"{slopes.seconds_a_million:,.0f}",
        node=f"{slopes.node:,.0f}",
        node_rows=f"{slopes.node * slopes.rows:,.0f}",
        rows=f"{slopes.rows:.0f}",
        slot=f"{slopes.slot:,.0f}",
        share=f"{slopes.share:.0%}",
        dispatch=f"{1000 * slopes.dispatch:.1f}",
        tasks=f"{slopes.million_tasks:.1f}",
        megabytes=f"{slopes.megabytes:,.0f}",
        header=" | ".join(names),
        line="|---" * (4 + len(names)) + "|",
        table="\n".join(rows),
        loads="\n".join(loads(slopes)),
        gate=_clock(SITES[-1].objects * GATE),
        gentle=_clock(SITES[-1].objects / GENTLE),
        night=f"{8 * 3600 * GENTLE / 1e6:.1f}",
        balance=f"{math.ceil(balance):,}",
        link=f"{link:,.0f}",
        gib=f"{40e6 * BYTES_A_ROW / 2**30:.0f}",
        nodes=f"{math.ceil(link * REPLICAS_READ / slopes.node):,}",
    )


def _clock(seconds: float) -> str:
    return (
        f"{seconds:,.0f} s"
        if seconds < 600
        else f"{seconds / 60:,.0f} min"
        if seconds < 36_000
        else f"{seconds / 3600:.0f} h"
        if seconds < 360_000
        else f"{seconds / 86_400:.0f} days"
    )


if __name__ == "__main__":
    sys.stdout.write(page(measured()))
