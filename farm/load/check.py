"""The parts of a run, checked before the first row is loaded: manifests, files, and every field of every row."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

import features
from farm.errors import InputError, PartsError
from farm.load import quick
from farm.load.columns import BadFieldError, Values, parse, require_keys, require_storable
from farm.load.progress import Progress
from farm.parts import Expected, Part, claimed, cover_ring, read_manifest, read_part, require_whole
from features.declare import Feature, Survey
from features.schema import header, schema_hash

NULL = r"\N"
BATCH = 10_000
_THREADS = 2
_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]*)\.([1-9][0-9]*)\.(csv|json)")
_FIELD = re.compile(r'"(?:[^"]|"")*"|[^",\n][^,\n]*')


@dataclass(frozen=True)
class Parts:
    """Parts of one run that agree, each row of which the table can hold."""

    folder: Path
    run: str
    environment: str
    window: int | Literal["all"]
    release: str
    survey: Survey
    parts: tuple[Part, ...]

    @property
    def as_lasair(self) -> bool:
        """Whether they were made with the original code's defects."""
        return any(part.manifest.as_lasair for part in self.parts)

    @property
    def rows(self) -> int:
        return sum(part.manifest.objects for part in self.parts)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Features that need from outside Cassandra what the run did not have: a load leaves them as they are."""
        given = set.intersection(*(set(part.manifest.given) for part in self.parts)) if self.parts else set()
        return self.survey.lacking(given)


@dataclass(frozen=True, eq=False)
class Batch:
    """Some rows of a part: column name to values; ``first`` is the line of the first row, the header being line 1."""

    first: int
    values: dict[str, Values]

    @property
    def size(self) -> int:
        return len(next(iter(self.values.values())).data)


def check_folder(folder: Path) -> Parts:
    """Check everything in ``folder``. Raises InputError where it is no folder, PartsError naming file and line."""
    found = _claimed(folder)
    progress = Progress("check", found.rows)
    keys: list[NDArray[Any]] = []
    with ThreadPoolExecutor(_THREADS) as pool:
        for of_part in pool.map(partial(_checked, survey=found.survey), found.parts):
            keys.append(of_part)
            progress.add(len(of_part))
    _refuse_twice(keys, found)
    progress.done()
    return found


def check_manifests(folder: Path) -> Parts:
    """The parts in ``folder``: manifests that agree, files that are as their manifests say; no field is looked at."""
    found = _claimed(folder)
    with ThreadPoolExecutor(_THREADS) as pool:
        for _ in pool.map(require_whole, found.parts):
            pass
    return found


def _checked(part: Part, survey: Survey) -> NDArray[Any]:
    """The keys of a part all of which is as it must be, folded. The file is read once."""
    data = read_part(part.csv)
    require_whole(part, data)
    batches = _read(part.csv, data, survey, BATCH)
    keys = np.concatenate([_folded(batch.values[survey.key.name]) for batch in batches] or [np.empty(0, "U1")])
    if len(keys) != part.manifest.objects:
        raise PartsError(f"the part {part.csv} has {len(keys)} rows, its manifest says {part.manifest.objects}")
    return keys


def _claimed(folder: Path) -> Parts:
    """The parts in ``folder`` as their manifests tell; no CSV is read."""
    manifests = _manifests(folder)
    first = read_manifest(manifests[0])
    survey = next((each for each in map(features.survey, features.SURVEYS) if schema_hash(each) == first.schema), None)
    if survey is None:
        raise PartsError(
            f"{manifests[0]} was written for another table (schema {first.schema[:12]}) than this program knows: load"
            f" it with the program of its own release, {first.release[:12]}"
        )
    parts = []
    for path in manifests:
        task, attempt, _ = path.name.rsplit(".", 2)
        same = Expected(
            first.run,
            first.environment,
            first.window,
            first.release,
            first.schema,
            task=task,
            attempt=int(attempt),
            as_lasair=first.as_lasair,
        )
        parts.append(claimed(path, same))
    ranges = [part.manifest.range for part in parts if part.manifest.range is not None]
    if ranges and len(ranges) < len(parts):
        raise PartsError(f"some parts in {folder} have a token range and some have none: they are not of one run")
    if ranges:
        cover_ring(ranges)
    return Parts(folder, first.run, first.environment, first.window, first.release, survey, tuple(parts))


def read(path: Path, survey: Survey, size: int = BATCH) -> Iterator[Batch]:
    """The rows of a part, ``size`` at a time. Raises PartsError naming file and line for what the table cannot hold."""
    return _read(path, read_part(path), survey, size)


def _read(path: Path, data: bytes, survey: Survey, size: int) -> Iterator[Batch]:
    known = quick.columns(data, survey, NULL)
    if known is None:
        yield from _carefully(path, data, survey, size)
        return
    for at in range(0, len(known[survey.key.name].data), size):
        yield Batch(at + 2, {name: values.take(slice(at, at + size)) for name, values in known.items()})


def _carefully(path: Path, data: bytes, survey: Survey, size: int) -> Iterator[Batch]:
    """The same, field by field."""
    try:
        text = data.decode()
        _require_plain(path, text)
        lines = csv.reader(io.StringIO(text, newline=""), strict=True)
        _require_header(path, next(lines, []), header(survey))
        first = 2
        while rows := list(islice(lines, size)):
            yield Batch(first, _columns(path, first, rows, survey))
            first += len(rows)
    except UnicodeDecodeError as error:
        raise PartsError(f"the part {path} is not UTF-8 ({error.reason}): its task must run again") from None
    except csv.Error as error:
        raise PartsError(f"{path}, line {lines.line_num}: {error}: its task must run again") from None


def _require_plain(path: Path, text: str) -> None:
    """Raises PartsError for what LOAD DATA would read in another way than a CSV reader does."""
    if "\r" in text:
        line = text.count("\n", 0, text.index("\r")) + 1
        raise PartsError(
            f"{path}, line {line}: it has a carriage return, and lines of a part end with a line feed alone"
        )
    for field in _FIELD.finditer(text) if "NULL" in text else ():
        if field[0] == "NULL":
            line = text.count("\n", 0, field.start()) + 1
            raise PartsError(
                f"{path}, line {line}: NULL without quotes is a missing value to LOAD DATA, and no text: its task must"
                " run again, with a release that quotes it"
            )


def _manifests(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: name the one that holds the run's parts")
    manifests = sorted(folder.glob("*.json"))
    tables = {path.with_suffix(".json") for path in folder.glob("*.csv")}
    if alone := sorted(tables.difference(manifests)):
        raise PartsError(f"{alone[0].with_suffix('.csv')} has no manifest beside it: fetch the part again")
    if not manifests:
        raise PartsError(f"{folder} holds no part: a part is <task>.<attempt>.csv with its .json")
    tasks: dict[str, Path] = {}
    for path in manifests:
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise PartsError(f"{str(path)!r} is not the name of a part: it would be <task>.<attempt>.json")
        if (other := tasks.setdefault(match[1], path)) != path:
            raise PartsError(f"{other} and {path} are two attempts of one task: leave the accepted one alone there")
    return manifests


def _require_header(path: Path, found: Sequence[str], wanted: Sequence[str]) -> None:
    for at, (one, other) in enumerate(zip(found, wanted, strict=False), start=1):
        if one != other:
            raise PartsError(f"{path}, line 1: column {at} is {one[:64]!r}, where the table has {other!r}")
    if len(found) != len(wanted):
        raise PartsError(f"{path}, line 1: {len(found)} columns, where the table has {len(wanted)}")


def _columns(path: Path, first: int, rows: list[list[str]], survey: Survey) -> dict[str, Values]:
    columns = survey.columns
    for at, row in enumerate(rows):
        if len(row) != len(columns):
            raise PartsError(f"{path}, line {first + at}: {len(row)} fields, where the header has {len(columns)}")
    values = {}
    for column, texts in zip(columns, zip(*rows, strict=True), strict=True):
        try:
            values[column.name] = _column(column, [None if text == NULL else text for text in texts])
            if column.width is not None and column is survey.key:
                require_keys(values[column.name])
        except BadFieldError as error:
            raise PartsError(f"{path}, line {first + error.row}, column {column.name}: {error.why}") from None
    return values


def _column(column: Feature, texts: list[str | None]) -> Values:
    if column.width is not None:
        texts = [text if text is None or "\\" not in text else _unescaped(text, at) for at, text in enumerate(texts)]
    values = parse(column.sql, texts)
    if column.width is not None:
        require_storable(column.sql, values)
    if column.null == "never" and values.null.any():
        raise BadFieldError(int(np.flatnonzero(values.null)[0]), "it is NULL, and this column never is")
    return values


def _unescaped(text: str, row: int) -> str:
    plain = text.replace("\\\\", "")
    if "\\" in plain:
        raise BadFieldError(row, f"{text!r} has a backslash that is not doubled")
    return text.replace("\\\\", "\\")


def _folded(keys: Values) -> NDArray[Any]:
    """Keys as the table's collation compares them: without case."""
    if keys.data.dtype != object:
        return keys.data
    return np.array([key.lower() for key in keys.data.tolist()], dtype="U")


def _refuse_twice(keys: list[NDArray[Any]], found: Parts) -> None:
    """Raises PartsError naming both places of an object that stands twice."""
    together = np.concatenate(keys) if keys else np.empty(0, "U1")
    order = np.argsort(together, kind="stable")
    again = np.flatnonzero(together[order[1:]] == together[order[:-1]])
    if len(again):
        one, other = (_place(int(order[again[0] + step]), found) for step in (0, 1))
        raise PartsError(f"object {together[order[again[0]]].item()!r} stands twice: in {one} and in {other}")


def _place(row: int, found: Parts) -> str:
    for part in found.parts:
        if row < part.manifest.objects:
            return f"{part.csv.name}, line {row + 2}"
        row -= part.manifest.objects
    raise IndexError(row)
