"""What a page holds and what it leaves out, without a browser: its size, its colours, every part of it."""

import json
import re
import time
from collections.abc import Sequence
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from command import farm

from farm import journal as record
from farm import runs
from farm.events import State
from farm.journal import Journal, Task
from farm.page import facts, render
from farm.runs import Run

MEGABYTE = 1_000_000
STYLE = (Path(render.__file__).parent / "page.css").read_text()
HOSTILE = "</script><script>alert('x')</script> & \u2028"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FARM_HOME", str(tmp_path))
    return tmp_path


def receipt(task: str, attempt: int, code: int, slot: int) -> dict[str, Any]:
    return {
        "task": task, "attempt": attempt, "code": code, "signal": None, "wall": 30.25 + slot, "cpu": 1, "rss": 1,
        "slot": slot,
    }  # fmt: skip


def failing(number: int, fails: int, reason: str, log: str, name: str = "r{:05}") -> Run:
    """A rebuild in which every task failed so many times before it was done; ``reason`` may have the task's number."""
    run, begun = runs.create("lab", "rebuild"), time.time() - 3600
    meta = {"environment": "lab", "workers": {f"worker-{at:02}": 8 for at in range(20)}, "begun": begun}
    names = [name.format(at) for at in range(number)]
    journal = Journal.create(run.journal, meta, [Task(each, "x" * 200) for each in names])
    records, place = [], 0
    for at, task in enumerate(names):
        for attempt in range(1, fails + 2):
            lane, since = place % 160, begun + 3500 * place / (number * (fails + 1))
            place += 1
            bad = attempt <= fails
            told = receipt(task, attempt, int(bad), 1 + lane // 20)
            records.append(record.started(task, attempt, f"worker-{lane % 20:02}", "m", since))
            records.append(record.ended(told, reason.format(at) if bad else None, since + 20))
            if bad and at < 2 * facts.FAILURES:
                (run.logs / f"{task}.{attempt}.log").write_text(log, errors="surrogateescape")
        result = {"objects": 10, "rows": 300, "bytes": 2000}
        records.append(record.collected(task, fails + 1, "accepted", None, result))
        records.append(record.settled(task, State.DONE, "", fails + 1))
    journal.commit(records)
    journal.close()
    return run


def data(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


@pytest.mark.parametrize(
    ("fails", "reason", "log"),
    [
        (1, "exit code 1 (" + "é" * 150 + ")", "█" * 3000),
        (1, "task {}: " + HOSTILE + "λ" * 150, "Traceback 'with' \"quotes\" & <tags>\n" * 100),
        (2, "exit code 1 (cannot read Cassandra)", '{"a": "b", "c": "<d>"}\n' * 200),
        (2, "{} is no light curve: " + "光" * 180, "\udcff&" * 3000),
    ],
)
def test_a_page_of_ten_thousand_tasks_that_all_failed_is_below_a_megabyte(fails: int, reason: str, log: str) -> None:
    text = render.page(failing(10_000, fails, reason, log))
    assert len(text.encode()) < MEGABYTE
    table = data(text)["table"]
    bad = [table["states"][each] for each in table["state"]].count("failed")
    assert min(bad, len(table["task"]) - bad) >= 400
    assert len(table["task"]) + table["left_out"] == 10_000 * (fails + 1)
    assert bad + table["left_out_bad"] == 10_000 * fails
    assert f"{table['left_out']:,} attempts are left out here, {table['left_out_bad']:,} of them" in text
    shown = text.count('<details class="failure"')
    assert 10 <= shown <= facts.FAILURES
    assert f"{10_000 * fails:,} failed attempts, {shown} of them here" in text
    assert "\\u03bb" not in text
    assert text.count("<script") == 2
    assert re.findall(r"<code>farm \w+ (?!\S+ --inventory lab)", text) == []
    at = next(at for at, each in enumerate(table["state"]) if table["states"][each] == "failed")
    assert table["reasons"][table["why"][at]] == reason.format(int(table["task"][at][1:]))[:200]


def test_long_names_cost_rows_and_no_megabyte() -> None:
    text = render.page(failing(10_000, 0, "", "", name="λ" * 70 + "{:05}"))
    assert len(text.encode()) < MEGABYTE
    table = data(text)["table"]
    assert len(table["task"]) + table["left_out"] == 10_000
    assert table["left_out_bad"] == 0


def test_events_that_are_left_out_are_counted() -> None:
    run = failing(2, 0, "", "")
    journal = Journal(run.journal)
    journal.commit([record.happened(time.time(), "worker-01", "told", f"order {at}") for at in range(600)])
    text = render.page(run)
    assert "The last 500; 100 before them are left out here" in text
    assert "order 100<" in text
    assert "order 99<" not in text
    journal.commit([record.happened(time.time(), "worker-01", "told", "é" * 2000) for _ in range(500)])
    journal.close()
    text = render.page(run)
    assert len(text.encode()) < 200_000
    assert re.search(r"The last \d+; 1,\d+ before them are left out", text)


def luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1])
def test_text_of_every_colour_can_be_read_on_both_grounds(scheme: int) -> None:
    rules = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)[scheme]
    colours = dict(re.findall(r"--([a-z0-9]+): (#[0-9a-f]{6})", rules))
    texts = set(re.findall(r"[{ ;]color: var\(--([a-z0-9]+)\)", STYLE))
    assert {"held", "failed", "done", "running", "soft", "ink"} <= texts
    for text in texts:
        for ground in ("card", "paper"):
            low, high = sorted(luminance(colours[each]) for each in (text, ground))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (text, ground)


def told(text: str, what: str) -> str:
    """What the page says under a word of its head."""
    found = re.search(f"<dt>{what}</dt><dd>(.*?)</dd>", text)
    assert found, what
    return unescape(re.sub(r"<.*?>", "", found[1]))


def words(text: str, place: str) -> str:
    found = re.search(f'id="{place}">(.*?)</p>', text)
    assert found, place
    return unescape(re.sub(r"<.*?>", "", found[1]))


def loaded(run: Run, **verify: Any) -> None:
    counts = {"inserted": 1000, "updated": 200, "unchanged": 30, "guarded": 4, "absent": 0}
    read = {"nodes": ["g2", "g3"], "columns": 43, "compared": 1234, "equal": 1230, "guarded": 4, "differing": 0}
    said = {
        "rows": 1234, "load": {"node": "g1", **counts}, "verify": {**read, "missing": 0, **verify},
        "seconds": {"check": 0.7, "merge": 61.0}, "ok": True,
    }  # fmt: skip
    (run.load / "summary.json").write_text(json.dumps(said))


def test_the_load_is_told_as_its_summary_has_it() -> None:
    run = failing(4, 0, "", "")
    assert "Not loaded." in render.page(run)
    loaded(run)
    text = render.page(run)
    sums = "1,000 inserted + 200 updated + 30 unchanged + 4 guarded + 0 rejected + 0 absent"
    assert words(text, "load") == f"1,234 rows = {sums}, at g1"
    assert "43 columns read back from g2 and g3" in text
    assert "check 0.7 s, merge 1:01" in text
    assert 'class="i-failed">' not in text.partition("<h2>Load</h2>")[2]
    loaded(run, differing=2)
    assert '<b class="i-failed">2</b> differing' in render.page(run)


def test_the_head_of_the_page_says_who_from_what_where_and_what_came_in_and_out() -> None:
    run = failing(4, 0, "", "")
    journal = Journal(run.journal)
    known = {
        "by": "ada@head", "release": "cd" * 32, "inventory": "ab" * 32, "window": 30,
        "argv": ["/usr/bin/farm", "rebuild", "--where", "ncand < 5"],
    }  # fmt: skip
    journal.commit([record.noted(key, value) for key, value in known.items()])
    journal.close()
    text = render.page(run)
    assert told(text, "by") == "ada@head"
    assert told(text, "release") == "cd" * 32
    assert told(text, "inventory") == f"lab {'ab' * 32}"
    assert told(text, "command") == "farm rebuild --where ncand < 5"
    assert told(text, "data in") == "1,200 rows of light curves, window 30"
    assert told(text, "data out") == "40 objects, 7.8 KiB"


def durations(walls: Sequence[float]) -> dict[str, Any]:
    run = runs.create("lab", "run")
    journal = Journal.create(
        run.journal, {"workers": {"w1": 1}, "begun": 0.0}, [Task(f"t{at}", "true") for at, _ in enumerate(walls)]
    )
    for at, wall in enumerate(walls):
        done = {**receipt(f"t{at}", 1, 0, 1), "wall": wall}
        journal.commit([record.started(f"t{at}", 1, "w1", "m", at), record.ended(done, None, at + wall)])
    journal.close()
    return dict(data(render.page(run))["durations"])


def test_durations_are_counted_in_bins_that_hold_them() -> None:
    walls = [1.0] * 90 + [10.0] * 9 + [100.0]
    found = durations(walls)
    edges, counts = found["edges"], found["counts"]
    assert sum(counts) == len(walls)
    assert (edges[0], edges[-1]) == (pytest.approx(1), pytest.approx(100))
    assert (counts[0], counts[-1]) == (90, 1)
    (middle,) = [at for at, count in enumerate(counts) if count == 9]
    assert edges[middle] <= 10.0 <= edges[middle + 1] * 1.0001
    assert (found["median"], found["longest"]) == (1.0, 100.0)


def test_the_verb_writes_such_a_page(home: Path) -> None:
    run = failing(4, 1, HOSTILE, "no")
    said = farm("report", run.id, "--out", str(home / "page.html"), "--json").json()
    assert said["bytes"] == (home / "page.html").stat().st_size
