"""How far a merge is, on disk: a folder a load, ``DIR/.load/<number>/``, from which a load that died goes on.

The place after a chunk is on disk before the chunk is committed, in one of two slots; the other one has the place
before it. Which of the two holds after a crash, table ``farm_load`` tells: it counts chunks in their own transactions.
"""

import fcntl
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from farm.disk import sync
from farm.errors import GaleraError, InputError, LockedError

FORMAT = 3
FOLDER = ".load"
LISTS = ("before", "guarded", "absent")
"""Files that grow by the chunk: old values of changed rows, and the keys of rows that were left alone."""
_SLOTS = ("place.0", "place.1")


@dataclass(frozen=True)
class Place:
    """What has become of the rows up to and with ``key`` of a group, and of all groups before it.

    ``sizes`` are the bytes of the lists that belong to them.
    """

    chunk: int = 0
    key: str | int = ""
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    guarded: int = 0
    absent: int = 0
    conflicts: int = 0
    sizes: tuple[int, ...] = (0,) * len(LISTS)

    @property
    def rows(self) -> int:
        return self.inserted + self.updated + self.unchanged + self.guarded + self.absent


@dataclass(frozen=True)
class Identity:
    """What a load is of. ``digest``: of its parts and of how they are loaded; only the same one goes on."""

    digest: str
    run: str
    environment: str
    survey: str
    columns: tuple[str, ...]
    """Names of the columns that are written."""
    same_window: bool
    id: str = ""
    """Made with the folder: what table ``farm_load`` knows this load by."""
    format: int = FORMAT


class Ledger:
    """The folder of one merge. ``place`` is the last one that is known to be committed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.identity = _identity(folder)
        self.done = (folder / "done").exists()
        self.place = Place()
        if self.done:
            self.place = max(self._places(), key=lambda place: place.chunk, default=self.place)

    @classmethod
    def create(cls, folder: Path, identity: Identity) -> "Ledger":
        folder.mkdir(parents=True, mode=0o700)
        for name in (*LISTS, *_SLOTS):
            (folder / name).touch(mode=0o600)
        _write(folder / "load.json", asdict(replace(identity, id=secrets.token_hex(16))))
        return cls(folder)

    @property
    def id(self) -> str:
        return self.identity.id

    @property
    def undo(self) -> Path:
        """The folder of this load's undoing."""
        return self.folder / "undo"

    @property
    def undone(self) -> bool:
        """Whether undoing has begun."""
        return (self.undo / "load.json").exists()

    def fits(self, chunk: int) -> bool:
        """Whether this folder has the place where ``chunk`` chunks are committed."""
        return self._after(chunk) is not None

    def settle(self, chunk: int) -> None:
        """Go back to where ``chunk`` chunks are committed. Raises GaleraError where that place is not known."""
        place = self._after(chunk)
        if place is None:
            raise GaleraError(
                f"the cluster has {chunk} chunks of this load, of which {self.folder} knows nothing: nodes lost"
                " commits, or the table was restored. Run this again: it begins anew"
            )
        self._go_to(place)

    def settle_for_undo(self, chunk: int) -> None:
        """The same; where that place is not known, to the last one that is.

        Rows whose change was never committed hold their old values: to put these back does nothing.
        """
        last = max(self._places(), key=lambda place: place.chunk, default=Place())
        self._go_to(self._after(chunk) or last)

    def restart(self) -> None:
        """Nothing is merged, and nothing that was kept is needed."""
        for name in _SLOTS:
            os.truncate(self.folder / name, 0)
        self._go_to(Place())

    def keep(self, lists: Iterable[Iterable[bytes]]) -> tuple[int, ...]:
        """Bring a chunk's lines for each of ``LISTS`` to the disk; returns their sizes, for its place."""
        return tuple(
            _append(self.folder / name, size, lines)
            for name, size, lines in zip(LISTS, self.place.sizes, lists, strict=True)
        )

    def prepare(self, place: Place) -> Place:
        """Bring a chunk's place to the disk before its commit; it becomes ``place`` when that is done."""
        with (self.folder / _SLOTS[place.chunk % 2]).open("w", encoding="utf-8") as file:
            json.dump(asdict(place), file)
            file.flush()
            os.fsync(file.fileno())
        return place

    def finish(self) -> None:
        """Nothing is left to merge."""
        _write(self.folder / "done", {})
        self.done = True

    def keys(self, name: Literal["guarded", "absent"]) -> list[str]:
        return (self.folder / name).read_text(encoding="utf-8").split("\n")[:-1]

    def _go_to(self, place: Place) -> None:
        self.place = place
        for name, size in zip(LISTS, place.sizes, strict=True):
            os.truncate(self.folder / name, size)

    def _after(self, chunk: int) -> Place | None:
        """Nothing is committed only where the last place that was prepared is that of the first chunk."""
        known = self._places()
        if chunk == 0 and all(place.chunk <= 1 for place in known):
            return Place()
        return next((place for place in known if place.chunk == chunk), None)

    def _places(self) -> list[Place]:
        return [place for name in _SLOTS if (place := _place(self.folder / name))]


@contextmanager
def held(folder: Path) -> Iterator[Path]:
    """The places of the loads of ``folder``, held against a second process.

    Raises LockedError where another one has them, InputError where they cannot be kept there.
    """
    places = folder / FOLDER
    try:
        places.mkdir(mode=0o700, exist_ok=True)
        file = (places / "lock").open("a")
    except OSError as error:
        raise InputError(f"a load keeps its place beside its parts, and {places} cannot be written: {error}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(f"another process loads the parts in {folder} at this moment: wait for its end") from None
        yield places


def begun(places: Path) -> list[Ledger]:
    """Every load that was begun, oldest first."""
    folders = sorted(path for path in places.iterdir() if path.name.isdigit())
    return [Ledger(path) for path in folders if (path / "load.json").exists()]


def dead(places: Path) -> set[str]:
    """Ids of all loads of these parts, and of their undoing: whoever holds the places knows that none of them lives."""
    folders = (path.parent for pattern in ("*/load.json", "*/undo/load.json") for path in places.glob(pattern))
    return {_identity(folder).id for folder in folders}


def new(places: Path, identity: Identity) -> Ledger:
    numbers = [int(path.name) for path in places.iterdir() if path.name.isdigit()]
    return Ledger.create(places / f"{max(numbers, default=0) + 1:04d}", identity)


def _append(path: Path, size: int, lines: Iterable[bytes]) -> int:
    """Append lines after the first ``size`` bytes, synced; returns the file's size."""
    data = b"".join(line + b"\n" for line in lines)
    if not data:
        return size
    with path.open("r+b") as file:
        file.truncate(size)
        file.seek(size)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return size + len(data)


def _write(path: Path, content: dict[str, Any]) -> None:
    """Whole or not at all, and on disk."""
    coming = path.with_name(f".{path.name}")
    with coming.open("w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    coming.replace(path)
    sync(path.parent)


def _place(path: Path) -> Place | None:
    """None where nothing was written, or not all of it: its chunk was then not committed."""
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
    except OSError as error:
        raise InputError(f"the place of a load, {path}, cannot be read ({error})") from None
    return Place(**{**known, "sizes": tuple(known["sizes"])})


def _identity(folder: Path) -> Identity:
    known = _json(folder / "load.json")
    if known.get("format") != FORMAT:
        raise InputError(f"{folder} was written by another version of the loader: go on with that one, or remove it")
    return Identity(**{**known, "columns": tuple(known["columns"])})


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise InputError(f"the place of a load, {path}, cannot be read ({error}): remove its folder") from None
