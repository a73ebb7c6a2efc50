"""Parts: text in the order of the streams, and files that are whole or not there."""

import hashlib
import io
import json
import os
from itertools import permutations
from pathlib import Path

import pytest

from features.rebuild import part
from features.rebuild.part import Ordered, atomic
from features.rebuild.progress import Progress


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_text_stands_in_the_order_of_the_streams(order: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part, "MEMORY", 8)
    file = io.BytesIO()
    ordered = Ordered(file)
    for turn in range(3):
        for stream in order:
            ordered.write(stream, b"%d of stream %d\n" % (turn, stream))
    for stream in order:
        ordered.end(stream)
    expected = b"".join(b"%d of stream %d\n" % (turn, stream) for stream in range(3) for turn in range(3))
    assert file.getvalue() == expected
    assert ordered.digest.hexdigest() == hashlib.sha256(expected).hexdigest()


def test_a_stream_without_text_holds_nothing_up() -> None:
    file = io.BytesIO()
    ordered = Ordered(file)
    ordered.write(2, b"last\n")
    for stream in (2, 0, 1):
        ordered.end(stream)
    assert file.getvalue() == b"last\n"


def interrupted(path: Path) -> None:
    with atomic(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt


def test_a_file_that_is_not_finished_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path / "out" / "a.csv")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("old")
    with atomic(tmp_path / "a.csv") as file:
        file.write(b"new")
        file.flush()
        assert (tmp_path / "a.csv").read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["a.csv"]
    assert (tmp_path / "a.csv").read_text() == "new"


def test_the_release_is_that_of_the_interpreter_s_folder(tmp_path: Path) -> None:
    assert part.release(tmp_path) == "unreleased"
    (tmp_path / "RELEASE.json").write_text(json.dumps({"digest": "abc"}))
    assert part.release(tmp_path) == "abc"


def test_progress_is_said_now_and_then_and_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARM_PROGRESS", str(tmp_path / "progress.json"))
    progress = Progress.from_environment()
    progress.say(0.5, 10, 2)
    assert not (tmp_path / "progress.json").exists()
    monkeypatch.setattr("features.rebuild.progress.EVERY", 0.0)
    progress.say(0.6, 12, 3)
    assert json.loads((tmp_path / "progress.json").read_text()) == {"done": 0.6, "rows": 12, "objects": 3}
    monkeypatch.setattr("features.rebuild.progress.EVERY", 1000.0)
    progress.say(1, 20, 4)
    assert json.loads((tmp_path / "progress.json").read_text()) == {"done": 1, "rows": 20, "objects": 4}
    assert [each.name for each in tmp_path.iterdir()] == ["progress.json"]


def test_progress_takes_no_fifo_away(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    Progress(tmp_path / "fifo").say(1, 1, 1)
    assert [each.is_fifo() for each in tmp_path.iterdir()] == [True]


def test_progress_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    Progress(tmp_path / "nowhere" / "progress.json").say(1, 20, 4)
    Progress(None).say(1, 20, 4)
