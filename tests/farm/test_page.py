"""The page of ``farm report`` in a browser: of a run that had failures and lost a worker, and of many tasks."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import farm
from lively import HOSTILE, lively
from playwright.sync_api import Browser, Page, sync_playwright

import features
from farm import journal as record
from farm import runs
from farm.diff.tally import Tally
from farm.errors import Exit
from farm.events import State
from farm.history import History
from farm.journal import Journal, Task
from farm.load.columns import Values
from farm.page.sheet import rates
from farm.runs import Run

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FARM_HOME", str(made / "home"))
        yield made


@pytest.fixture(scope="module")
def run(home: Path) -> Run:
    return lively(home)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as player:
        started = player.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield started
        started.close()


Open = Callable[..., Page]


@pytest.fixture
def open_(browser: Browser, home: Path) -> Iterator[Open]:
    """Opens the page of a run, and tells of any word on its console, error or request at the end."""
    told: list[str] = []
    opened = []

    def show(run: Run, scheme: Any = "light", width: int = 1180) -> Page:
        out = home / f"{run.id}.html"
        assert farm("report", run.id, "--out", str(out)).code == Exit.OK
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("request", lambda request: told.append(request.url) if request.url != out.as_uri() else None)
        page.goto(out.as_uri())
        opened.append(page)
        return page

    yield show
    for page in opened:
        page.close()
    assert told == []


def numbers(page: Page, place: str) -> list[int]:
    return [int(each.replace(",", "")) for each in re.findall(r"\d[\d,]*", page.inner_text(place))]


def column(page: Page, table: str, number: int) -> list[str]:
    return page.locator(f"#{table} tbody tr td:nth-child({number})").all_inner_texts()


def test_its_numbers_are_the_journals(run: Run, open_: Open) -> None:
    page = open_(run)
    status = farm("status", run.id, "--json").json()
    submitted, *parts = numbers(page, "#books")
    assert [submitted, *parts] == [*(status[each] for each in ("submitted", "done", "failed", "held", "cancelled")), 0]
    assert submitted == sum(parts) == 60
    assert status["held"] == 5
    assert numbers(page, "#done") == [status["done"], 60]
    attempts, *kinds = numbers(page, "#attempts-sum")
    with closing(History(run.journal)) as history:
        every = list(history.attempts())
    assert attempts == sum(kinds) == len(every) == len(column(page, "attempts", 1))
    assert column(page, "attempts", 5).count("failed") == sum(each.state == "failed" for each in every) > 5
    reasons = {(each.task, str(each.attempt)): each.reason or "" for each in every}
    drawn = zip(*(column(page, "attempts", number) for number in (1, 2, 8)), strict=True)
    assert {(task, attempt): why for task, attempt, why in drawn} == reasons
    found = json.loads(page.inner_text("#data"))["durations"]
    assert page.locator("#durations svg path.p-a").get_attribute("d").count("M") == sum(map(bool, found["counts"]))  # type: ignore[union-attr]
    assert sum(found["counts"]) == status["done"]
    assert column(page, "workers", 3) == [str(status["workers"][name]["done"]) for name in ("w1", "w2", "w3")]


def test_every_slot_is_the_one_that_the_worker_gave_and_does_one_thing_at_a_time(run: Run, open_: Open) -> None:
    with closing(History(run.journal)) as history:
        told = {f"{each.task}.{each.attempt}": each for each in history.attempts()}
    assert {each.slot for each in told.values() if each.state != "lost"} == {1, 2}
    page = open_(run)
    rows = zip(*(column(page, "attempts", number) for number in (1, 2, 3, 4)), strict=True)
    drawn = {f"{task}.{attempt}": (worker, int(slot)) for task, attempt, worker, slot in rows}
    assert drawn.keys() == told.keys()
    assert all(drawn[name] == (each.worker, each.slot) for name, each in told.items() if each.slot is not None)
    ends: dict[tuple[str, int], float] = {}
    for name, each in told.items():
        assert ends.get(drawn[name], 0) <= each.started + 0.05, name
        ends[drawn[name]] = each.ended or 0


def test_failures_have_the_ends_of_their_logs_and_nothing_of_a_command_line_becomes_html(run: Run, open_: Open) -> None:
    page = open_(run)
    failed = page.locator(".failure")
    assert failed.count() == len(list(run.logs.glob("*.log")))
    first = failed.first
    assert "held" in first.inner_text()
    name = first.locator("summary b").inner_text()
    assert first.locator(".log").inner_text() == (run.logs / f"{name}.log").read_text().rstrip()
    assert HOSTILE in first.locator("pre").first.inner_text()
    assert HOSTILE in page.locator(".what dd").first.inner_text()
    assert page.locator("script").count() == 2


def test_a_worker_that_was_lost_and_came_back_says_so(run: Run, open_: Open) -> None:
    page = open_(run)
    rows = list(zip(*(column(page, "events", number) for number in (2, 3, 4)), strict=True))
    assert [row[:2] for row in rows if row[0] == "w2"][:2] == [("w2", "lost"), ("w2", "back")]
    assert rows[0][2]
    assert page.locator("#timeline svg path.p-l").count() == 1, "what was lost is drawn"
    assert page.locator("#timeline svg path.p-f").count() == 1
    assert page.locator("#rate svg path.p-a").get_attribute("d")


def test_tables_are_sorted_and_filtered_from_the_keyboard(run: Run, open_: Open) -> None:
    page = open_(run)
    took = page.locator("#attempts th").nth(6)
    took.locator("button").focus()
    for direction in ("descending", "ascending"):
        page.keyboard.press("Enter")
        assert took.get_attribute("aria-sort") == direction
        seconds = [float(each.removesuffix(" s")) for each in column(page, "attempts", 7)]
        assert seconds == sorted(seconds, reverse=direction == "descending")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    assert page.locator("#attempts th").nth(5).get_attribute("aria-sort") == "descending"
    assert took.get_attribute("aria-sort") == "none"
    page.get_by_label("Filter attempts").focus()
    page.keyboard.type("w1 failed")
    assert set(zip(column(page, "attempts", 3), column(page, "attempts", 5), strict=True)) == {("w1", "failed")}
    said = page.locator("output[for=attempts-filter]").inner_text()
    assert said == f"{len(column(page, 'attempts', 1))} of {len(json.loads(page.inner_text('#data'))['table']['task'])}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_in_both_schemes(run: Run, open_: Open, scheme: str) -> None:
    page = open_(run, scheme, 360)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    shade = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (max(shade) < 60) == (scheme == "dark")


def big(number: int) -> Run:
    """A journal of a rebuild that goes on, of so many tasks; every hundredth has failed."""
    run = runs.create("lab", "rebuild")
    begun = time.time() - 3600
    meta = {"environment": "lab", "workers": {f"w{at}": 8 for at in range(12)}, "begun": begun, "argv": ["farm"]}
    journal = Journal.create(run.journal, meta, [Task(f"r{at:05}", "x" * 200) for at in range(number)])
    records = []
    for at in range(number - 5):
        name, worker, since = f"r{at:05}", f"w{at % 12}", begun + 3600 * (at // 96) / (number // 96 + 1)
        bad = at % 100 == 7
        receipt = {
            "task": name,
            "attempt": 1,
            "code": int(bad),
            "signal": None,
            "wall": 30 + at % 7,
            "cpu": 1,
            "rss": 1,
        }
        records += [
            record.started(name, 1, worker, "m", since),
            record.ended(receipt, "exit code 1 (no light curve)" if bad else None, since + 30 + at % 7),
        ]
        if not bad:
            records += [
                record.collected(name, 1, "accepted", None, {"objects": 10, "rows": 300, "bytes": 2000}),
                record.settled(name, State.DONE, "", 1),
            ]
    journal.commit(records)
    journal.close()
    return run


def test_ten_thousand_tasks_are_below_a_megabyte_also_while_the_run_goes_on(home: Path, open_: Open) -> None:
    run = big(10_000)
    with run.locked():
        page = open_(run)
    assert (home / f"{run.id}.html").stat().st_size < 1_000_000
    assert page.locator(".badge").first.inner_text() == "running"
    submitted, *parts = numbers(page, "#books")
    assert submitted == sum(parts) == 10_000
    assert parts == [9_895, 0, 0, 0, 105]
    assert numbers(page, "#objects") == [98_950]
    assert len(column(page, "attempts", 1)) == 200
    page.locator("#more").press("Enter")
    assert len(column(page, "attempts", 1)) == 1200


def test_features_are_drawn_before_and_after_as_the_comparison_with_the_table_found_them(
    home: Path, open_: Open
) -> None:
    run = big(96)
    feature = next(each for each in features.survey("ztf").features if each.width is None)
    tally = Tally(feature, 0)
    random = np.random.default_rng(1)
    none = np.zeros(1000, bool)
    old, new = (Values(random.normal(centre, 1, 1000), none) for centre in (18, 19))
    tally.add([""] * 1000, old, new, none)
    spread = tally.result().spread
    assert spread is not None
    assert sum(spread["table"]) == sum(spread["run"]) == 1000
    compared = {"rows": 1000, "new": 0, "changed": 900, "unchanged": 100, "guarded": 0}
    kept = {**compared, "features": [{"name": feature.name, "spread": spread}]}
    (run.load / "diff.json").write_text(json.dumps(kept))
    back = {
        "node": "g1",
        "loads": 2,
        "rows": 40,
        "restored": 30,
        "unchanged": 4,
        "guarded": 5,
        "gone": 1,
        "inserted": 7,
    }
    (run.load / "undo.json").write_text(json.dumps({"undo": back}))
    page = open_(run)
    assert numbers(page, "#undo") == [40, 2, 30, 4, 5, 1, 1, 7], "the last 1 is of g1"
    assert page.locator("#features figcaption").first.inner_text().split()[0] == feature.name
    assert page.locator("#features path.p-before").count() == page.locator("#features path.p-after").count() == 1
    assert "1,000 objects" in page.inner_text("main")


def test_the_rate_adds_up_to_what_was_done() -> None:
    found = rates([(100.0 + at, 3) for at in range(80)], 100.0, 80.0)
    assert sum(found) * 80.0 / len(found) == pytest.approx(240)


def test_a_page_that_cannot_be_written_is_one_sentence(run: Run) -> None:
    said = farm("report", run.id, "--out", "/nowhere/page.html")
    assert said.code == Exit.INPUT
    assert said.stderr.count("\n") == 1
