"""Outputs of commands: those that a task must leave, and those that are brought to the head."""

import hashlib
from pathlib import Path

import pytest
from local import LocalSession, LocalTransport, host

from farm import runs
from farm.commands import FileCollector, glob
from farm.errors import PartsError
from farm.journal import Task


class Place:
    """A worker on which the first attempt of a task has ended."""

    def __init__(self, folder: Path) -> None:
        self.run = runs.create("lab", "run")
        self.session = LocalSession(LocalTransport(folder), host("w1"))
        self.out = folder / "w1" / "runs" / self.run.id / "t.1" / "out"
        self.out.mkdir(parents=True)

    def write(self, *names: str) -> None:
        for name in names:
            self.out.joinpath(name).parent.mkdir(exist_ok=True)
            self.out.joinpath(name).write_text(name)

    def collect(self, *patterns: str, outputs: tuple[str, ...] = ()) -> object:
        task = Task("t", "true", detail={"outputs": list(outputs)})
        return FileCollector(self.run, patterns)(self.session, task, 1)

    def brought(self) -> set[str]:
        folder = self.run.folder / "outputs" / "t"
        return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("FARM_HOME", str(tmp_path / "home"))
    return Place(tmp_path)


ODD = ["it's", "a b", "$(touch x)", "`x`", '"q"', "☃", "-n", "new\nline", "a;b", "{1,2}", "~", "\\"]


@pytest.mark.parametrize("name", ODD)
def test_a_name_with_odd_letters_is_found_and_brought_as_it_stands(place: Place, name: str) -> None:
    place.write(name)
    digest = hashlib.sha256(name.encode()).hexdigest()
    assert place.collect(name, outputs=(name,)) == {"files": 1, "sha256": {name: digest}}
    assert place.brought() == {name}


def test_globs_match_as_the_shell_has_them(place: Place) -> None:
    place.write("a1.csv", "b1.csv", "c 1.csv", "deep/d.txt")
    assert place.collect("[!a]*.csv", "*/?.txt", outputs=("[a-b]1.csv", "*/d.txt")) is not None
    assert place.brought() == {"b1.csv", "c 1.csv", "deep/d.txt"}


def test_an_output_that_is_missing_is_named(place: Place) -> None:
    place.write("there.csv")
    with pytest.raises(PartsError, match=r"left no gone\.csv, \*\.log in \$FARM_OUT"):
        place.collect(outputs=("there.csv", "gone.csv", "*.log"))


def test_outputs_that_nobody_fetches_stay_on_the_worker(place: Place) -> None:
    place.write("there.csv")
    assert place.collect(outputs=("there.csv",)) == {}
    assert place.brought() == set()


def test_an_output_that_was_damaged_on_its_way_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write("a")
    monkeypatch.setattr(place.session, "fetch", lambda _remote, local: local.write_text("b"))
    with pytest.raises(PartsError, match="a was damaged on its way"):
        place.collect("*")


def test_a_task_whose_folder_is_gone_is_refused(place: Place) -> None:
    place.out.rmdir()
    with pytest.raises(PartsError, match="cannot be read"):
        place.collect("*")


def test_a_pattern_is_one_word_of_the_shell() -> None:
    assert glob("a b*[c-d]$(x)") == "'a b'*[c-d]'$(x)'"
