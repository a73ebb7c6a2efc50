"""What a page tells of a run, read from its folder. No host is asked, and nothing is written."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from farm.errors import RunError
from farm.history import Attempt, History, utc
from farm.page.features import spreads
from farm.page.sheet import Sheet, rates
from farm.runner import THE_RUN
from farm.runs import Run
from farm.summary import Summary, overview_of, read

FAILURES = 60
"""Failed attempts that are told one by one, those that failed for good first."""
EVENTS = 500
_TAIL = 2_400
"""Bytes of the end of a log."""
_COMMAND = 600


def facts(run: Run) -> dict[str, Any]:
    """All that the page has, as the template names it. Raises RunError where the journal cannot be read."""
    summary = read(run)
    history = History(run.journal)
    try:
        meta = history.meta()
        begun, seconds = _span(history, meta)
        sheet = Sheet(begun, seconds)
        failed: list[Attempt] = []
        for each in history.attempts():
            sheet.add(each)
            if each.state in ("failed", "refused", "killed"):
                failed.append(each)
        sheet.place()
        done = list(history.done())
        happened = history.happened()
        failures = _failures(run, history, summary, failed)
    finally:
        history.close()
    compared = _json(run.load / "diff.json")
    objects = bool(summary.results.get("objects"))
    return {
        "run": run,
        "meta": meta,
        "command": " ".join([Path(word).name if at == 0 else word for at, word in enumerate(meta.get("argv", ()))]),
        "state": overview_of(run).state,
        "summary": summary,
        "open": summary.submitted - summary.done - summary.failed - summary.held - summary.cancelled,
        "begun": utc(begun),
        "ended": utc(meta["ended"]) if "ended" in meta else None,
        "worked": max(summary.seconds, 0.001),
        "attempts": _totals(summary),
        "workers": [_worker(name, summary, sheet, meta, happened) for name in sorted({*meta["workers"], *sheet.lanes})],
        "events": _events(happened)[-EVENTS:],
        "failures": failures,
        "failed": len(failed),
        "load": _json(run.load / "summary.json"),
        "undo": _json(run.load / "undo.json"),
        "compared": compared,
        "durations": sheet.durations(),
        "features": spreads(run, compared),
        "data": {
            "timeline": sheet.timeline(),
            "rate": rates([(at, number if objects else 1) for at, number in done], begun, seconds),
            "rate_of": "objects" if objects else "tasks",
            "durations": sheet.durations(),
            "table": sheet.table(),
        },
    }


def _span(history: History, meta: Mapping[str, Any]) -> tuple[float, float]:
    """When the run began, and the seconds until what happened last."""
    if "begun" not in meta:
        raise RunError(f"the journal {history.path} does not say when its run began")
    return meta["begun"], max(history.span(), 0.001)


def _totals(summary: Summary) -> dict[str, int]:
    """Attempts by how they ended."""
    found: dict[str, int] = {}
    for share in summary.workers.values():
        for state, number in share.attempts.items():
            name = {"accepted": "ended well", "exited": "ended well", "sent": "running"}.get(state, state)
            found[name] = found.get(name, 0) + number
    return found


def _worker(
    name: str, summary: Summary, sheet: Sheet, meta: Mapping[str, Any], happened: list[tuple[float, str, str, str]]
) -> dict[str, Any]:
    share, slots = summary.workers.get(name), meta["workers"].get(name, 0)
    had = max(slots, len(sheet.lanes.get(name, ())))  # more than now, where it was resumed with fewer
    busy = sheet.busy.get(name, 0.0)
    states = share.attempts if share else {}
    return {
        "name": name,
        "slots": slots,
        "done": share.done if share else 0,
        "results": share.results if share else {},
        "busy": busy / (had * sheet.seconds) if had else 0.0,
        "failed": states.get("failed", 0) + states.get("refused", 0),
        "lost": sum(worker == name and what == "lost" for _, worker, what, _ in happened),
    }


def _events(happened: list[tuple[float, str, str, str]]) -> list[dict[str, Any]]:
    """What befell workers and the run, and after how long a lost worker was back."""
    told, away = [], dict[str, tuple[float, dict[str, Any]]]()
    for at, worker, what, detail in happened:
        back = what == "up" and worker in away
        if back:
            since, line = away.pop(worker)
            line["back"] = at - since
        if what == "up" and not back:
            continue
        line = {
            "at": utc(at),
            "worker": worker,
            "what": "back" if back else what,
            "detail": "" if back else detail,
            "back": None,
        }
        told.append(line)
        if what in ("lost", "taken out") and worker != THE_RUN:
            away.setdefault(worker, (at, line))
    return told


def _failures(run: Run, history: History, summary: Summary, failed: list[Attempt]) -> list[dict[str, Any]]:
    states = {task: state for task, state, _ in summary.troubles}
    chosen = sorted(failed, key=lambda each: each.task not in states)[:FAILURES]
    commands = history.commands([each.task for each in chosen])
    return [
        {
            "attempt": each,
            "task_state": states.get(each.task, ""),
            "command": _cut(commands[each.task], _COMMAND),
            "log": _tail(run.logs / f"{each.task}.{each.attempt}.log"),
        }
        for each in chosen
    ]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]} …"


def _tail(path: Path) -> str | None:
    """The last lines of a log; None where the head has none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL))
            text = file.read().decode(errors="replace")
    except OSError:
        return None
    return text.rstrip() if size <= _TAIL else "…" + text.partition("\n")[2].rstrip()


def _json(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
