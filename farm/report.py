"""What verbs print at their end: tables for people, on standard output."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from farm.errors import HostKeyError, ReleaseError, SetupError, UnreachableError
from farm.figures import SEED, SEED_OBJECTS, Bench, Figure
from farm.plan import Plan
from farm.preflight import Report
from farm.show import clock, size, table
from farm.summary import Overview, Summary, WorkerShare

if TYPE_CHECKING:
    from farm.prune import Pruned

SHOWN = 20
"""Lines of a list that are printed."""
_WRONG: dict[type, str] = {
    UnreachableError: "unreachable",
    HostKeyError: "wrong host key",
    ReleaseError: "not provisioned",
    SetupError: "no key",
}


def workers(reports: Sequence[Report]) -> None:
    columns = ("worker", "address", "slots", "in use", "cores", "load", "memory free", "disk free", "release", "state")
    table("Workers", columns, (_worker(report) for report in reports))


def _worker(report: Report) -> tuple[str, ...]:
    host, facts = report.host, report.facts
    state = _WRONG.get(type(report.error), "wrong") if report.error else "ready"
    if facts is None:
        return (host.name, host.address, *[""] * 7, state)
    return (
        host.name,
        host.address,
        str(report.slots),
        str(facts.busy),
        str(facts.cores),
        f"{facts.load:.2f}",
        size(facts.memory_available),
        size(facts.disk_free),
        facts.release.digest[:12] if facts.release else "none",
        state if report.error or facts.release else "no release",
    )


def workers_json(reports: Sequence[Report]) -> dict[str, Any]:
    return {"schema": 1, "workers": [_worker_json(report) for report in reports]}


def _worker_json(report: Report) -> dict[str, Any]:
    host, facts = report.host, report.facts
    told = {"name": host.name, "address": host.address, "port": host.port, "slots": report.slots}
    if facts:
        told |= {
            "cores": facts.cores,
            "slots_in_use": facts.busy,
            "load": facts.load,
            "memory": facts.memory,
            "memory_available": facts.memory_available,
            "disk": facts.disk,
            "disk_free": facts.disk_free,
            "release": facts.release.digest if facts.release else None,
        }
    return told | {"error": str(report.error) if report.error else None}


def plan(planned: Plan) -> None:
    """What a rebuild would do."""
    rows = [(worker.name, worker.host.address, str(worker.slots)) for worker in planned.workers]
    table("Plan", ("worker", "address", "slots"), rows, ("all", "", str(planned.slots)))
    window = "all of each light curve" if planned.window == "all" else f"the latest {planned.window} days"
    print(f"{len(planned.tasks)} token ranges, {window}, release {planned.release.digest[:12]}; the first one:")
    print(planned.tasks[0].command)


def bench(measured: Bench) -> None:
    """What was measured by workers and processes, beside the seed's figures where it has any."""
    first = ("workers x processes", "seconds", "speed-up", "efficiency")
    if measured.what == "waiting":
        rows = [(*_figure(each), str(each.done), f"{each.ideal or 0:g}") for each in measured.figures]
        table("Tasks that wait, by workers and slots a worker", (*first, "tasks", "ideal seconds"), rows)
        return
    columns = (*first, "objects", "objects/s", "3,700,000 in", "seed's objects/s", "seed's speed-up")
    rows = [(*_figure(each), *_rebuilt(each)) for each in measured.figures]
    table("Rebuild by workers and processes", columns, rows)


def _figure(figure: Figure) -> tuple[str, ...]:
    setting = figure.setting
    told = (f"{figure.seconds:.1f}", f"{figure.speed_up:.2f}", f"{figure.efficiency:.0%}")
    return (f"{setting.workers} x {setting.processes}", *told)


def _rebuilt(figure: Figure) -> tuple[str, ...]:
    seconds = SEED.get((figure.setting.workers, figure.setting.processes))
    seed = (f"{SEED_OBJECTS / seconds:,.0f}", f"{SEED[1, 1] / seconds:.1f}") if seconds else ("", "")
    return (f"{figure.done:,}", f"{figure.rate:,.0f}", clock(figure.every_object), *seed)


def runs(found: Sequence[Overview]) -> None:
    """One line a run, and below with what heads ended that did not end well, the last ones first."""
    table("Runs", ("run", "state", "tasks done", "loaded", "exit"), map(_run, found))
    ended = [(each.run, each.outcome) for each in reversed(found) if each.outcome and each.outcome.exit]
    _some([f"{name} ended with {outcome.words.partition(chr(10))[0]}" for name, outcome in ended])


def _run(each: Overview) -> tuple[str, ...]:
    code = str(each.outcome.exit) if each.outcome else ""
    return each.run, each.state, f"{each.done} of {each.tasks}", "yes" if each.loaded else "", code


def prune(pruned: "Pruned") -> None:
    """What went, by run and host, and what stays although it is old."""
    rows = [
        (each.run, each.host, each.path.rpartition("/")[2] if each.host == "head" else "", size(each.bytes))
        for each in pruned.taken
    ]
    table(
        "Would go" if pruned.dry else "Gone", ("run", "host", "what", "size"), rows, ("all", "", "", size(pruned.bytes))
    )
    _some([f"run {name} stays: {why}" for name, why in pruned.kept])


def run(summary: Summary) -> None:
    """Which worker did how much, and what became of every task."""
    if "objects" in summary.results:
        rebuild(summary)
    else:
        tasks(summary)


def tasks(summary: Summary) -> None:
    """Which worker did how much, and what became of every task."""
    rows = [(name, *_share(share)) for name, share in summary.workers.items()]
    total = ("all", str(summary.done), _sum(share.seconds for share in summary.workers.values()), "")
    table(f"Run {summary.run}", ("worker", "tasks done", "seconds", "other attempts"), rows, total)
    _books(summary)


def _share(share: WorkerShare) -> tuple[str, str, str]:
    others = {state: number for state, number in share.attempts.items() if state not in ("exited", "accepted")}
    return str(share.done), _sum([share.seconds]), ", ".join(f"{number} {state}" for state, number in others.items())


def _sum(seconds: Iterable[float]) -> str:
    return f"{sum(seconds):.1f}"


def rebuild(summary: Summary) -> None:
    """The same with objects and rows."""
    rows = []
    for name, share in summary.workers.items():
        done, seconds, others = _share(share)
        rows.append((name, done, *_results(share.results), seconds, others))
    every = (str(summary.done), *_results(summary.results), _sum(share.seconds for share in summary.workers.values()))
    columns = ("worker", "tasks done", "objects", "rows", "size", "seconds", "other attempts")
    table(f"Run {summary.run}", columns, rows, ("all", *every, ""))
    _books(summary)


def _results(results: Any) -> tuple[str, str, str]:
    return f"{results.get('objects', 0):,}", f"{results.get('rows', 0):,}", size(results.get("bytes", 0))


def _books(summary: Summary) -> None:
    open_ = summary.submitted - summary.done - summary.failed - summary.held - summary.cancelled
    print(
        f"{summary.submitted} tasks = {summary.done} done + {summary.failed} failed + {summary.held} held"
        f" + {summary.cancelled} cancelled{f' + {open_} open' if open_ else ''}, in {clock(summary.seconds)}"
    )
    if (objects := summary.results.get("objects")) and summary.seconds:
        print(f"{objects:,} objects, {objects / summary.seconds:,.0f} objects/s")
    _some([f"task {task} {state}: {reason}" for task, state, reason in summary.troubles])
    _some([
        f"without {name}, which farm_given does not name: NULL in {', '.join(features)}"
        for name, features in summary.without.items()
    ])  # fmt: skip
    if summary.outcome and summary.outcome.exit:
        print(f"its head ended with {summary.outcome.words}")
    if summary.unread:
        print(f"{len(summary.unread):,} objects could not be read:")
        _some(summary.unread)


def _some(lines: Sequence[str]) -> None:
    for line in lines[:SHOWN]:
        print(line)
    if len(lines) > SHOWN:
        print(f"and {len(lines) - SHOWN:,} more: --json names them all")
