"""The place of a load on disk: what stands after a crash at any moment, and who may go on from it."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from farm.errors import GaleraError, InputError, LockedError
from farm.load.begin import ledger_of
from farm.load.options import Options, listed, together
from farm.load.place import FORMAT, Identity, Ledger, Place, begun, dead, held, new
from features import survey

LOAD = Identity("d" * 64, "run", "lab", "ztf", ("gmag",), same_window=True)


def chunk(ledger: Ledger, number: int, **lists: list[bytes]) -> Place:
    """Prepare a chunk of ten rows."""
    place = replace(ledger.place, chunk=number, key=f"k{number}", updated=10 * number)
    sizes = ledger.keep([lists.get(name, []) for name in ("before", "guarded", "absent")])
    return ledger.prepare(replace(place, sizes=sizes))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.create(tmp_path / "0001", LOAD)


def test_a_chunk_that_was_committed_is_the_place(ledger: Ledger) -> None:
    ledger.place = chunk(ledger, 1, before=[b"a", b"b"], guarded=[b"g"])
    chunk(ledger, 2, before=[b"c"])
    again = Ledger(ledger.folder)
    again.settle(2)
    assert (again.place.chunk, again.place.key, again.place.updated) == (2, "k2", 20)
    assert (ledger.folder / "before").read_bytes() == b"a\nb\nc\n"
    assert again.keys("guarded") == ["g"]


def test_a_chunk_that_was_not_committed_is_forgotten_with_its_old_values(ledger: Ledger) -> None:
    ledger.place = chunk(ledger, 1, before=[b"a"])
    chunk(ledger, 2, before=[b"c"], absent=[b"x"])
    again = Ledger(ledger.folder)
    again.settle(1)
    assert (again.place.key, (ledger.folder / "before").read_bytes(), again.keys("absent")) == ("k1", b"a\n", [])


def test_a_chunk_that_is_prepared_again_is_there_once(ledger: Ledger) -> None:
    ledger.place = chunk(ledger, 1, before=[b"a"])
    chunk(ledger, 2, before=[b"lost", b"against", b"another"])
    ledger.place = chunk(ledger, 2, before=[b"c"])
    assert (ledger.folder / "before").read_bytes() == b"a\nc\n"


@pytest.mark.parametrize("size", [0, 1, 40])
def test_a_place_that_was_not_written_whole_is_none(ledger: Ledger, size: int) -> None:
    ledger.place = chunk(ledger, 1)
    chunk(ledger, 2)
    os.truncate(ledger.folder / "place.0", size)
    again = Ledger(ledger.folder)
    assert (again.fits(1), again.fits(2)) == (True, False)


def test_a_table_that_knows_of_other_chunks_is_told_apart(ledger: Ledger) -> None:
    for number in (1, 2, 3):
        ledger.place = chunk(ledger, number)
    again = Ledger(ledger.folder)
    assert [again.fits(number) for number in range(5)] == [False, False, True, True, False]
    with pytest.raises(GaleraError, match="the cluster has 1 chunks of this load"):
        again.settle(1)


@pytest.mark.parametrize("chunks", [2, 3, 4])
def test_a_table_that_has_forgotten_the_load_costs_no_old_values(tmp_path: Path, chunks: int) -> None:
    """The next load begins anew, and the old one can still be undone."""
    with held(tmp_path) as places:
        ledger = ledger_of(places, LOAD)
        for number in range(1, chunks + 1):
            ledger.place = chunk(ledger, number, before=[b"%d" % number])
        again = ledger_of(places, LOAD)
        assert (again.id, again.fits(0)) == (ledger.id, False)
        with pytest.raises(GaleraError, match="the cluster has 0 chunks"):
            again.settle(0)
        new(places, LOAD)
        kept, fresh = begun(places)
        kept.settle_for_undo(0)
        assert (kept.place.chunk, kept.place.updated, fresh.fits(0)) == (chunks, 10 * chunks, True)
        assert (kept.folder / "before").read_bytes() == b"".join(b"%d\n" % at for at in range(1, chunks + 1))


def test_a_first_chunk_that_was_not_committed_is_forgotten(ledger: Ledger) -> None:
    chunk(ledger, 1, before=[b"a"])
    again = Ledger(ledger.folder)
    again.settle(0)
    assert (again.place, (ledger.folder / "before").read_bytes()) == (Place(), b"")


def test_an_undo_that_the_table_has_forgotten_begins_again(ledger: Ledger) -> None:
    for number in (1, 2, 3):
        ledger.place = chunk(ledger, number, guarded=[b"g"])
    again = Ledger(ledger.folder)
    again.restart()
    assert (again.place, again.keys("guarded"), Ledger(ledger.folder).fits(0)) == (Place(), [], True)


def test_a_load_that_has_ended_keeps_its_last_place(ledger: Ledger) -> None:
    for number in (1, 2, 3):
        ledger.place = chunk(ledger, number)
    ledger.finish()
    again = Ledger(ledger.folder)
    assert (again.done, again.place.chunk) == (True, 3)


def test_the_same_load_goes_on_and_any_other_one_begins(tmp_path: Path) -> None:
    with held(tmp_path) as places:
        first = ledger_of(places, LOAD)
        assert ledger_of(places, LOAD).id == first.id
        second = ledger_of(places, replace(LOAD, digest="e" * 64))
        third = ledger_of(places, LOAD)
        assert len({first.id, second.id, third.id}) == 3
        third.finish()
        fourth = ledger_of(places, LOAD)
        Ledger.create(fourth.undo, LOAD)
        assert ledger_of(places, LOAD).id != fourth.id
        assert [each.folder.name for each in begun(places)] == ["0001", "0002", "0003", "0004", "0005"]
        assert dead(places) >= {first.id, second.id, third.id, Ledger(fourth.undo).id}


def test_a_second_process_is_refused_and_the_places_are_the_owners_alone(tmp_path: Path) -> None:
    with held(tmp_path) as places:
        assert places.stat().st_mode & 0o777 == 0o700
        with pytest.raises(LockedError, match="another process loads the parts"), held(tmp_path):
            pass
    with held(tmp_path):
        pass


def test_a_folder_that_cannot_hold_a_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".load").write_text("")
    with pytest.raises(InputError, match="a load keeps its place beside its parts"), held(tmp_path):
        pass


def test_a_place_of_another_version_is_refused(tmp_path: Path) -> None:
    ledger = new(tmp_path, LOAD)
    known = (ledger.folder / "load.json").read_text()
    (ledger.folder / "load.json").write_text(known.replace(f'"format": {FORMAT}', f'"format": {FORMAT + 1}'))
    with pytest.raises(InputError, match="another version of the loader"):
        begun(tmp_path)


def test_lists_of_columns_are_names_each_once() -> None:
    assert listed(" a,b,,a ") == ("a", "b")
    assert together(["a,b", "b,c"]) == ("a", "b", "c")
    assert Options().argv() == []
    Options(("gmag", "rmag"), ("gmag",)).require_known(survey("ztf"))
