"""What ``farm mine`` prints at its end."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from farm import report
from farm.mining import dataset
from farm.mining.run import Prepared
from farm.show import clock, size, table
from farm.summary import Summary


def trial(prepared: Prepared) -> None:
    """What a few objects took, and what the whole is expected to."""
    tried, whole = prepared.trial, prepared.estimate()
    rows = [
        ("objects", f"{tried.objects:,}", f"{whole['objects']:,}"),
        ("rows yielded", f"{tried.yielded:,}", f"{whole['rows']:,}"),
        ("size", size(tried.size), size(whole["bytes"])),
        ("time", f"{tried.seconds:.2f} s", clock(whole["seconds"])),
        ("objects/s", f"{tried.objects / tried.seconds:,.0f}", f"{whole['objects_per_second']:,.0f}"),
    ]
    table(f"{prepared.job.function} of {prepared.job.script}", ("", "tried", "the whole, estimated"), rows)
    print(f"of the time {tried.function_seconds:.2f} s were the function's own; {prepared.plan.slots} slots")
    if tried.types:
        print("columns: " + ", ".join(f"{name} {kind}" for name, kind in tried.types.items()))
    _errors(tried.failed, tried.errors)
    if tried.printed:
        print(f"it printed:\n{tried.printed}")


def mined(summary: Summary, told: Mapping[str, Any] | None, out: Path) -> None:
    """What the run came to, what the dataset has, and what the function failed for."""
    report.run(summary)
    if told is not None:
        print(f"{out}: {told['rows']:,} rows of {told['objects']:,} objects")
        _errors(told["failed"], told["errors"])
    else:
        print(f"{out} is not there yet: its parts wait in {dataset.incoming_of(out, summary.run)}, farm resume"
              f" {summary.run} --inventory {summary.environment} goes on with them,"
              " farm prune takes them away")  # fmt: skip


def _errors(failed: int, kinds: Sequence[Mapping[str, Any]]) -> None:
    if failed:
        print(f"the function failed for {failed:,} objects:")
    for kind in kinds:
        print(f"{kind['count']:,} times {kind['kind']}; the first was {kind['objects'][0]}:\n{kind['traceback']}")
