"""Parts of a run: a CSV of feature rows and the manifest that describes it, checked on the head and on the loader."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from farm.errors import PartsError

FORMAT = 1
FIRST_TOKEN, LAST_TOKEN = -(2**63), 2**63 - 1
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Manifest:
    """What a part says about itself: ``<task>.<attempt>.json``."""

    format: int
    run: str
    task: str
    attempt: int
    environment: str
    range: tuple[int, int] | None
    """Token range LO < token <= HI; None where objects were named."""
    window: int | Literal["all"]
    rows: int
    """Light-curve rows that were read."""
    objects: int
    """Lines of the CSV without its header."""
    unread: tuple[str, ...]
    """Objects whose light curve could not be read."""
    sha256: str
    release: str
    schema: str
    read_at: str
    consistency: str
    given: tuple[str, ...] = ()
    """What the features had from outside Cassandra (``Survey.external``)."""
    as_lasair: bool = False
    """Whether they were computed with the defects of the original code."""

    @property
    def asked(self) -> int:
        """Objects that the task was to read."""
        return self.objects + len(self.unread)


@dataclass(frozen=True)
class Part:
    csv: Path
    manifest: Manifest
    size: int
    """Bytes of the CSV."""


@dataclass(frozen=True)
class Expected:
    """What a part must agree with. None: whatever it says."""

    run: str
    environment: str
    window: int | Literal["all"] | None = None
    release: str | None = None
    schema: str | None = None
    task: str | None = None
    attempt: int | None = None
    range: tuple[int, int] | None = None
    as_lasair: bool | None = None
    asked: int | None = None
    """How many objects the task was given by name: each has a row, or is unread."""


def _number(value: object) -> bool:
    return type(value) is int and abs(value) <= -FIRST_TOKEN


def _range(value: object) -> bool:
    return value is None or (isinstance(value, list) and len(value) == 2 and all(map(_number, value)))


def _texts(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)


_KINDS: Mapping[Any, Callable[[object], bool]] = {
    int: _number,
    str: lambda value: isinstance(value, str),
    bool: lambda value: isinstance(value, bool),
    tuple[int, int] | None: _range,
    int | Literal["all"]: lambda value: value == "all" or _number(value),
    tuple[str, ...]: _texts,
}
"""Whether a value of JSON is of the kind that a manifest's annotation names."""


def read_manifest(path: Path) -> Manifest:
    """Raises PartsError where the file is not a manifest of this format."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise PartsError(f"the manifest {path} cannot be read ({error}): fetch the part again") from None
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise PartsError(f"{path} is not a manifest of format {FORMAT}: it was made by another version")
    raw = {"given": (), "as_lasair": False, **raw}
    if missing := Manifest.__annotations__.keys() - raw.keys():
        raise PartsError(f"the manifest {path} lacks {', '.join(sorted(missing))}: its task must run again")
    known: dict[str, Any] = {name: raw[name] for name in Manifest.__annotations__}
    if wrong := [name for name, value in known.items() if not _KINDS[Manifest.__annotations__[name]](value)]:
        shown = json.dumps(known[wrong[0]])[:64]
        raise PartsError(f"the manifest {path} has {wrong[0]} {shown}, which it cannot be: its task must run again")
    known["range"] = None if known["range"] is None else tuple(known["range"])
    known["unread"], known["given"] = tuple(known["unread"]), tuple(known["given"])
    return Manifest(**known)


def check(manifest_path: Path, expected: Expected) -> Part:
    """Check a part against its manifest and the manifest against its run; read the CSV once.

    Raises PartsError that names the file and what differs.
    """
    part = claimed(manifest_path, expected)
    require_whole(part)
    return part


def claimed(manifest_path: Path, expected: Expected) -> Part:
    """A part whose manifest is one of its run; its CSV is not read. Raises PartsError."""
    manifest = read_manifest(manifest_path)
    for name, value in asdict(expected).items():
        if value is not None and (got := getattr(manifest, name)) != value:
            raise PartsError(f"{manifest_path} has {name} {got}, where {value} is expected: it is not of this run")
    csv = manifest_path.with_suffix(".csv")
    try:
        return Part(csv, manifest, csv.stat().st_size)
    except OSError as error:
        raise _unreadable(csv, error) from None


def require_whole(part: Part, data: bytes | None = None) -> None:
    """Raises PartsError unless the CSV is what the manifest says; ``data``: all of it, where that was read already."""
    digest, lines, last = hashlib.sha256(), 0, b"\n"
    for chunk in _chunks(part.csv) if data is None else (data,):
        digest.update(chunk)
        lines += chunk.count(b"\n")
        last = chunk[-1:]
    if digest.hexdigest() != part.manifest.sha256:
        raise PartsError(f"the part {part.csv} is damaged: its SHA-256 is not the manifest's; its task must run again")
    if lines - 1 != part.manifest.objects or last != b"\n":
        raise PartsError(f"the part {part.csv} has {lines - 1} rows, its manifest says {part.manifest.objects}")


def read_part(csv: Path) -> bytes:
    """All of a part's CSV. Raises PartsError."""
    try:
        return csv.read_bytes()
    except OSError as error:
        raise _unreadable(csv, error) from None


def _chunks(csv: Path) -> Iterator[bytes]:
    try:
        with csv.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise _unreadable(csv, error) from None


def _unreadable(csv: Path, error: OSError) -> PartsError:
    return PartsError(f"the part {csv} cannot be read ({error}): fetch it again")


def cover_ring(ranges: Iterable[tuple[int, int]]) -> None:
    """Raises PartsError unless the ranges (LO < token <= HI) cover the whole ring exactly once."""
    at = FIRST_TOKEN
    for low, high in sorted(ranges):
        if low != at:
            word = "are missing" if low > at else "stand in two parts"
            raise PartsError(f"tokens {min(at, low)} to {max(at, low)} {word}: the run is not whole")
        at = high
    if at != LAST_TOKEN:
        raise PartsError(f"tokens {at} to {LAST_TOKEN} are missing: the run is not whole")
