"""Releases as the head sees them: files against their hashes, what runs need, and how one is named."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from local import host

from farm import runs
from farm.errors import ReleaseError, UnreachableError
from farm.events import State
from farm.journal import Journal, Task, noted, settled, started, taken_up
from farm.releases import check, listing, one
from farm.releases.listing import Listing
from farm.releases.needs import OVER, Need, needs
from farm.releases.standing import Installed, Standing, _standing, agreed, require_all
from farm.runs import Run
from farm.worker import files

A, B = "a" * 64, "b" * 64


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A release as it is installed."""
    folder = tmp_path / A
    (folder / "lib" / "__pycache__").mkdir(parents=True)
    (folder / "lib" / "code.py").write_text("x = 1\n")
    (folder / "lib" / "__pycache__" / "code.pyc").write_bytes(b"made")
    (folder / "python").symlink_to("/usr/bin/python3")
    (folder / "pyvenv.cfg").write_text("version = 3.11.2\n")
    text = json.dumps(files.listed(folder))
    (folder / files.NAME).write_text(text)
    told = {"digest": A, "files": hashlib.sha256(text.encode()).hexdigest()}
    (folder / "RELEASE.json").write_text(json.dumps(told))
    return folder


def test_a_release_as_it_was_installed_has_nothing_wrong(release: Path) -> None:
    assert files.compared(release) == []
    (release / "pyvenv.cfg").write_text("version = 3.11.3\n")
    (release / "lib" / "__pycache__" / "code.pyc").write_bytes(b"made again")
    assert files.compared(release) == []


def relink(release: Path) -> None:
    (release / "python").unlink()
    (release / "python").symlink_to("/bin/sh")


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda release: (release / "lib/code.py").write_text("x = 2\n"), "lib/code.py was changed"),
        (lambda release: (release / "lib/code.py").unlink(), "lib/code.py is gone"),
        (lambda release: (release / "lib/more.py").touch(), "lib/more.py was added"),
        (relink, "python was changed"),
        (lambda release: release.rename(release.with_name(B)), "RELEASE.json is that of aaaaaaaaaaaa"),
        (
            lambda release: (release / files.NAME).write_text(json.dumps(files.listed(release), indent=1)),
            "FILES.json is not the one that was written when it was staged",
        ),
    ],
)
def test_every_harm_to_a_release_is_named(release: Path, harm: Callable[[Path], Any], said: str) -> None:
    harm(release)
    (left,) = release.parent.iterdir()
    assert files.compared(left) == [said]


def test_a_release_without_hashes_is_not_called_well(release: Path) -> None:
    (release / "RELEASE.json").write_text(json.dumps({"digest": A}))
    assert files.compared(release) == ["it was staged by a farm that kept no hashes"]


def standing(name: str, current: str | None, *releases: str, previous: str | None = None, **manifest: str) -> Standing:
    installed = tuple(Installed(digest, {"kind": "worker", **manifest}) for digest in releases)
    return Standing(host(name), ("worker",), current, previous, installed)


def test_hosts_of_one_kind_whose_files_differ_are_named() -> None:
    kinds = {"w1": ("worker", "x"), "w2": ("worker", "y"), "w3": ("worker", "x"), "l1": ("loader", "z")}
    assert check._unlike(kinds) == {"w2": "its files are not those of w1"}
    with pytest.raises(ReleaseError, match="as it was installed on w2:"):
        check.require({"w1": [], "w2": ["x is gone"]}, A)


def test_what_a_host_says_of_its_releases_is_understood() -> None:
    manifest = json.dumps({"digest": A, "built_at": "2026-01-01"})
    said = f"current /opt/farm/releases/{A}\nprevious /opt/farm/releases/{A}\nrelease {A} {manifest}\n"
    found = _standing(host("w1"), ("worker",), said)
    assert (found.current, found.previous) == (A, None)
    assert found.place(A) == "current"
    assert found.place(B) is None
    other = _standing(host("w1"), (), said + f"release {B} {manifest}\n".replace("2026", "2027"))
    assert [each.digest for each in other.releases] == [B, A]
    assert other.place(B) == "staged"
    assert _standing(host("w1"), (), "").current is None


def test_a_link_to_a_release_that_is_not_complete_counts_for_nothing() -> None:
    found = _standing(host("w1"), (), f"current /opt/farm/releases/{A}\nprevious \n")
    assert (found.current, found.previous, found.releases) == (None, None, ())


def test_a_host_that_answers_nonsense_is_named() -> None:
    with pytest.raises(UnreachableError, match=r"w1 .* answers nonsense"):
        _standing(host("w1"), (), "release x {")


def test_hosts_agree_or_are_named_with_what_they_have() -> None:
    assert agreed([standing("w1", A, A), standing("w2", A, A)]) == A
    with pytest.raises(ReleaseError, match=r"w1: aaaaaaaaaaaa; w2: none\)"):
        agreed([standing("w1", A, A), standing("w2", None)])
    down = Standing(host("w3"), ("worker",), error=UnreachableError("w3 is down"))
    assert agreed([standing("w1", A, A), down]) == A
    with pytest.raises(UnreachableError, match=r"w3 is down \(and so w3\)"):
        require_all([down, standing("w1", A, A), down])


def test_a_release_is_named_by_a_unique_prefix_or_is_the_current_one() -> None:
    found = Listing("lab", (standing("w1", A, A, B),), (Need("r1", "b9" * 32, "it is not loaded"),), ())
    assert one.find(found, None) == A
    assert one.find(found, "bb") == B
    for text, said in (("b", "means 2 releases"), ("x", "is no release"), ("", "is no release")):
        with pytest.raises(ReleaseError, match=said):
            one.find(found, text)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FARM_HOME", str(tmp_path))
    return tmp_path


def made(verb: str, *states: State) -> Run:
    """A run of release A with a task of each state."""
    run = runs.create("lab", verb)
    tasks = [Task(f"t{number}", "true") for number, _ in enumerate(states)]
    journal = Journal.create(run.journal, {"release": A}, tasks)
    for task, state in zip(tasks, states, strict=True):
        accepted = 1 if state is State.DONE else None
        journal.commit([started(task.id, 1, "w1", "m", 0.0), settled(task.id, state, "", accepted)])
    journal.commit([noted("ended", 1.0)])
    journal.close()
    return run


def loaded(run: Run, *, ok: bool) -> None:
    (run.load / "summary.json").write_text(json.dumps({"ok": ok}))


def test_every_run_refers_to_its_release_and_those_that_are_waited_for_say_why(home: Path) -> None:
    done = made("rebuild", State.DONE)
    loaded(done, ok=True)
    said = {
        made("run", State.DONE).id: OVER,
        made("bench", State.DONE, State.CANCELLED).id: OVER,
        done.id: OVER,
        made("run", State.DONE, State.FAILED, State.HELD).id: "2 of its tasks are not done",
        made("busy", State.CANCELLED).id: "1 of its tasks are not done",
        made("rebuild", State.DONE).id: "it is not loaded",
    }
    badly = made("rebuild", State.DONE)
    loaded(badly, ok=False)
    said[badly.id] = "it is not loaded"
    assert {need.run: need.why for need in needs("lab")} == said
    assert {need.release for need in needs("lab")} == {A}
    reasons = listing.reasons(needs("lab"))
    assert len(reasons) == 5
    assert reasons[-1].startswith("journals of 3 runs refer to it")


def test_a_run_that_a_head_works_at_needs_its_release(home: Path) -> None:
    run = made("bench", State.DONE)
    with run.locked():
        assert [need.why for need in needs("lab")] == ["a farm process works at it"]
    assert [need.why for need in needs("lab")] == [OVER]


def test_a_pruned_run_lets_go_of_its_release_until_it_is_taken_up_again(home: Path) -> None:
    run = made("run", State.DONE)
    journal = Journal(run.journal)
    journal.commit([noted("pruned", 2.0)])
    assert needs("lab") == []
    journal.commit(taken_up(3.0, 1.0))
    assert [need.why for need in needs("lab")] == [OVER], "its head may have been killed"
    journal.commit([noted("ended", 3.0)])
    journal.close()
    assert [need.why for need in needs("lab")] == [OVER]


def test_a_journal_that_cannot_be_read_may_need_any_release(home: Path) -> None:
    run = made("run", State.DONE)
    run.journal.write_bytes(b"no database at all" * 99)
    (need,) = needs("lab")
    assert (need.run, need.release) == (run.id, None)
    shutil.rmtree(run.folder)
    assert needs("lab") == []
