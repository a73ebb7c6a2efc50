"""Whose a lab is."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from farm.errors import LockedError
from farm.lab import state
from farm.lab.state import Holder, Record, Verdict, judge

HERE, BOOT = "/here", "this boot"
RECORD = Record(owner="/there", image="cafe", complete=True, boot=BOOT)
MINE = Record(owner=HERE, image="cafe", complete=True, boot=BOOT)
LIVING = Holder.of(os.getpid())
GONE = Holder(os.getpid(), "another start")


def held(record: Record, holder: Holder) -> Record:
    return Record(record.owner, record.image, record.complete, record.boot, holder)


@pytest.mark.parametrize(
    ("record", "owner_exists", "any_host_alive", "verdict"),
    [
        (None, False, False, Verdict.NONE),
        (MINE, True, True, Verdict.OURS),
        (MINE, True, False, Verdict.OURS),
        (RECORD, True, True, Verdict.FOREIGN),
        (RECORD, False, True, Verdict.DEAD),
        (RECORD, True, False, Verdict.DEAD),
        (held(RECORD, LIVING), False, True, Verdict.FOREIGN),
        (held(RECORD, GONE), True, True, Verdict.DEAD),
        (held(MINE, LIVING), True, True, Verdict.OURS),
        (held(MINE, GONE), True, True, Verdict.DEAD),
        (Record(HERE, "cafe", False, BOOT), True, True, Verdict.DEAD),
        (Record("/there", "cafe", False, BOOT), True, True, Verdict.DEAD),
        (Record(HERE, "cafe", True, "an earlier boot"), True, False, Verdict.DEAD),
    ],
)
def test_a_lab_is_ours_anothers_or_dead(
    record: Record | None, owner_exists: bool, any_host_alive: bool, verdict: Verdict
) -> None:
    found = judge(record, checkout=HERE, boot=BOOT, owner_exists=owner_exists, any_host_alive=any_host_alive)
    assert found is verdict


def test_a_process_that_has_ended_holds_nothing() -> None:
    with subprocess.Popen(["sleep", "100"]) as process:
        holder = Holder.of(process.pid)
        assert holder.alive
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not holder.alive, "a zombie"
    assert not holder.alive


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The lab's state in a folder of the test's own, which is not there yet."""
    folder = tmp_path / "state"
    monkeypatch.setattr(state, "ROOT", folder)
    monkeypatch.setattr(state, "_RECORD", folder / "state.json")
    monkeypatch.setattr(state, "_LOCK", folder / "lock")
    return folder


def test_a_record_is_read_as_it_was_written(root: Path) -> None:
    root.mkdir()
    for record in (MINE, held(RECORD, LIVING)):
        state.write(record)
        assert state.read() == record


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", json.dumps({"owner": "/x", "holder": None})])
def test_a_damaged_record_is_that_of_an_interrupted_lab(root: Path, text: str) -> None:
    root.mkdir()
    (root / "state.json").write_text(text)
    record = state.read()
    assert record is not None
    assert judge(record, checkout=HERE, boot=BOOT, owner_exists=True, any_host_alive=True) is Verdict.DEAD


def test_a_second_command_is_refused_by_the_name_of_the_first_which_leaves_no_trace(root: Path) -> None:
    with state.locked(), pytest.raises(LockedError, match=f"pid {os.getpid()}"), state.locked(wait=0):
        pass
    assert not root.exists()


def test_the_lock_stays_beside_a_lab(root: Path) -> None:
    with state.locked():
        state.write(MINE)
    with state.locked():
        assert state.read() == MINE
