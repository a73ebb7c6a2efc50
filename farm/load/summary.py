"""What a load did, as JSON and as the lines that a person reads. Pure."""

import math
from collections.abc import Mapping
from typing import Any

from farm.errors import Exit
from farm.load.check import Parts
from farm.load.merge import Merged
from farm.load.options import EVERYTHING, Options
from farm.load.verify import Verified

SCHEMA = 1
COUNTS = ("inserted", "updated", "unchanged", "guarded", "rejected", "absent")
"""What becomes of a row. None is rejected in a load that ran: one bad row refuses all, before the first one."""


def summary(
    parts: Parts,
    mode: str,
    merged: Merged | None,
    verified: Verified,
    seconds: Mapping[str, float],
    options: Options = EVERYTHING,
) -> dict[str, Any]:
    """The JSON object of ``csv_to_database --json``; without ``merged`` (--verify-only) ``load`` is null."""
    worst = verified.worst
    return {
        "schema": SCHEMA,
        "run": parts.run,
        "environment": parts.environment,
        "release": parts.release,
        "window": parts.window,
        "as_lasair": parts.as_lasair,
        "parts": len(parts.parts),
        "rows": parts.rows,
        "load": merged
        and {
            "node": merged.node,
            "inserted": merged.inserted,
            "updated": merged.updated,
            "unchanged": merged.unchanged,
            "guarded": len(merged.guarded),
            "rejected": 0,
            "absent": len(merged.absent),
            "conflicts": merged.conflicts,
            "guarded_objects": merged.guarded,
            "absent_objects": merged.absent,
        },
        "verify": {
            "nodes": list(verified.nodes),
            "sample": verified.sample,
            "columns": len(options.columns or parts.survey.features) + 1,
            "compared": verified.compared,
            "equal": verified.equal,
            "guarded": verified.guarded,
            "differing": verified.differing,
            "missing": verified.missing,
            "differing_columns": dict(verified.columns.most_common()),
            "worst": worst
            and {
                "object": worst.object,
                "column": worst.column,
                "part": worst.part,
                "table": worst.table,
                "distance": worst.distance if math.isfinite(worst.distance) else None,
            },
        },
        "seconds": {step: round(value, 3) for step, value in seconds.items()},
        "ok": verified.differing == 0 and verified.missing <= _may_miss(parts, mode, merged),
    }


def _may_miss(parts: Parts, mode: str, merged: Merged | None) -> int:
    """How many rows the table may lack: under mode update those that were absent."""
    if mode == "upsert":
        return 0
    return len(merged.absent) if merged else parts.rows


def exit_code(said: Mapping[str, Any]) -> Exit:
    return Exit.OK if said["ok"] else Exit.VERIFY


def lines(said: Mapping[str, Any]) -> list[str]:
    """The summary of a load, or of its undoing, for a person."""
    if "undo" in said:
        return _undone(said)
    load, verify = said["load"], said["verify"]
    made = ", made with the original code's defects (--as-lasair)" if said["as_lasair"] else ""
    text = [f"run {said['run']}: {said['rows']:,} rows in {said['parts']} parts{made}"]
    if load:
        counts = {name: load.get(name, 0) for name in COUNTS}  # a loader's older release counts none as rejected
        told = " + ".join(f"{number:,} {name}" for name, number in counts.items())
        text.append(f"  {told} = {sum(counts.values()):,}, at {load['node']}")
        text += _some("guarded, since the table has them further", load["guarded_objects"])
        text += _some("absent, since the table lacks them and none is to be inserted", load["absent_objects"])
    text.append(
        f"  {verify['compared']:,} rows x {verify['columns']} columns read back from {' and '.join(verify['nodes'])}:"
        f" {verify['equal']:,} equal, {verify['guarded']:,} guarded, {verify['differing']:,} differing,"
        f" {verify['missing']:,} not there"
    )
    if verify["differing_columns"]:
        text.append(
            "  differing: " + ", ".join(f"{name} ({rows:,})" for name, rows in verify["differing_columns"].items())
        )
    if worst := verify["worst"]:
        text.append(
            f"  worst: {worst['column']} of {worst['object']} is {worst['table']} in the table,"
            f" {worst['part']} in its part"
        )
    text.append("  " + ", ".join(f"{step} {value:.1f} s" for step, value in said["seconds"].items()))
    return text


def _undone(said: Mapping[str, Any]) -> list[str]:
    undo = said["undo"]
    counts = [f"{undo[name]:,} {name}" for name in ("restored", "unchanged", "guarded", "gone")]
    text = [
        f"run {said['run']}: {undo['rows']:,} rows that {undo['loads']} loads of it changed",
        f"  {' + '.join(counts)} = {sum(undo[each.split()[1]] for each in counts):,}, at {undo['node']}",
        *_some("guarded, since the table has them further than the load left them", undo["guarded_objects"]),
        *_some("gone from the table", undo["gone_objects"]),
    ]
    if undo["inserted"]:
        text.append(f"  {undo['inserted']:,} rows that were inserted stay: the loader's account deletes nothing")
    return text


def _some(what: str, objects: list[str], most: int = 5) -> list[str]:
    if not objects:
        return []
    more = f" and {len(objects) - most:,} more" if len(objects) > most else ""
    return [f"  {what}: {', '.join(objects[:most])}{more}"]
