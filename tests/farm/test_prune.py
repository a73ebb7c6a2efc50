"""What old runs left goes; what somebody may still need stays."""

import json
import os
from pathlib import Path

import pytest
from local import LocalTransport, host

from farm import journal as record
from farm import prune, runs
from farm.errors import UnreachableError
from farm.inventory import Host, Inventory
from farm.journal import Journal, Task
from farm.runs import Run


class Hosts(Inventory):
    def group(self, name: str) -> tuple[Host, ...]:
        return {"workers": (host("w1"), host("w2")), "loader": (host("l1"),)}[name]


class Place:
    """Two workers and a loader, with folders of a run on each."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.transport = LocalTransport(root)
        self.inventory = Hosts(
            "lab",
            root,
            digest="",
            survey="ztf",
            given=None,
            window=30,
            zeros="zero",
            load_mode="upsert",
            shared_dir=root / "shared",
            galera_ca=None,
            _data={},
        )

    def make(self, verb: str, ended: float = 0.0, loaded: object = None) -> Run:
        run = runs.create("lab", verb)
        journal = Journal.create(run.journal, {"environment": "lab", "verb": verb, "begun": 0}, [Task("t", "true")])
        journal.commit([record.noted("ended", ended)])
        journal.close()
        for folder in self.folders(run):
            folder.mkdir(parents=True, exist_ok=True)
            folder.joinpath("file").write_bytes(b"x" * 10_000)
        if loaded is not None:
            (run.load / "summary.json").write_text(json.dumps(loaded))
        return run

    def folders(self, run: Run) -> list[Path]:
        work = [self.root / name / "runs" / run.id for name in ("w1", "w2")]
        shared = [self.root / "shared" / kind / run.id for kind in ("runs", "loads")]
        return [run.parts, run.logs, *work, *shared, self.root / "l1" / "loads" / run.id]

    def left(self, run: Run) -> set[Path]:
        return {folder for folder in self.folders(run) if folder.exists()}

    def prune(self, days: float = 1, *, dry: bool = False) -> prune.Pruned:
        return prune.prune(self.inventory, self.transport, days, dry=dry)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("FARM_HOME", str(tmp_path / "home"))
    for folder in ("w1/runs", "w2/runs", "l1/loads"):
        (tmp_path / folder).mkdir(parents=True)
    return Place(tmp_path)


@pytest.mark.parametrize(("verb", "loaded"), [("rebuild", {"ok": True}), ("run", None), ("busy", None)])
def test_an_old_run_goes_everywhere_and_its_journal_stays(place: Place, verb: str, loaded: object) -> None:
    run = place.make(verb, loaded=loaded)
    pruned = place.prune()
    assert place.left(run) == set()
    assert sorted(each.host for each in pruned.taken) == ["head"] * 4 + ["l1", "w1", "w2"]
    assert all(each.bytes >= 10_000 for each in pruned.taken)
    journal = Journal(run.journal)
    assert journal.meta()["pruned"] > 0
    journal.close()
    assert place.prune().taken == ()


@pytest.mark.parametrize("loaded", [None, {"ok": False}, {}, "torn"])
def test_a_rebuild_that_is_not_loaded_stays_and_says_so(place: Place, loaded: object) -> None:
    run = place.make("rebuild", loaded=loaded)
    pruned = place.prune()
    assert place.left(run) == set(place.folders(run))
    assert pruned.kept == ((run.id, f"it is not loaded: farm load {run.id} --inventory lab"),)


def test_a_rebuild_whose_load_was_undone_stays_until_it_is_loaded_again(place: Place) -> None:
    run = place.make("rebuild", loaded={"ok": True})
    (run.load / "undo.json").write_text("{}")
    assert place.prune().taken == ()
    os.utime(run.load / "undo.json", (0, 0))
    place.prune()
    assert place.left(run) == set()


def test_a_rebuild_stays_while_a_load_of_it_or_its_undoing_has_not_ended(place: Place) -> None:
    run = place.make("rebuild", loaded={"ok": True})
    run.begun.write_text("{}")
    assert place.prune().taken == ()
    assert place.left(run) == set(place.folders(run))


def test_a_run_that_a_head_works_at_stays(place: Place) -> None:
    run = place.make("busy")
    with run.locked():
        pruned = place.prune()
    assert place.left(run) == set(place.folders(run))
    assert pruned.kept == ((run.id, "a farm process works at it"),)


def test_a_young_run_stays_without_a_word(place: Place) -> None:
    run = place.make("busy", ended=4e9)
    assert place.prune().kept == ()
    assert place.left(run) == set(place.folders(run))


def test_a_run_of_another_head_stays(place: Place) -> None:
    foreign = place.root / "w1" / "runs" / "20200101T000000Z-busy-aaaa"
    foreign.mkdir()
    place.make("busy")
    place.prune()
    assert foreign.exists()


def test_what_is_left_of_a_trial_goes_once_no_head_can_be_at_it(place: Place) -> None:
    old, young = (place.root / "w1" / "runs" / name for name in ("trial-0a", "trial-0b"))
    for folder in (old, young):
        folder.joinpath("prepared").mkdir(parents=True)
    os.utime(old, (0, 0))
    assert [(each.run, each.host) for each in place.prune(days=0).taken] == [("trial-0a", "w1")]
    assert (old.exists(), young.exists()) == (False, True)


def test_a_dry_run_tells_the_same_and_takes_nothing(place: Place) -> None:
    run = place.make("busy")
    dry = place.prune(dry=True)
    assert place.left(run) == set(place.folders(run))
    assert dry.taken == place.prune().taken
    assert dry.as_json()["dry_run"] is True


def test_fetched_outputs_stay(place: Place) -> None:
    run = place.make("run")
    kept = run.folder / "outputs" / "t" / "result"
    kept.parent.mkdir(parents=True)
    kept.write_text("mine")
    place.prune()
    assert kept.exists()


def test_a_host_that_is_down_is_named_and_the_others_are_pruned(place: Place) -> None:
    run = place.make("busy")
    place.transport.down = {"w1"}
    (error,) = place.prune().errors
    assert isinstance(error, UnreachableError)
    assert "w1" in str(error)
    assert place.left(run) == {place.root / "w1" / "runs" / run.id}
