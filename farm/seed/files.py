"""Light curves from files: Parquet with the columns of a survey's tables, and its alert packets in Avro.

A Parquet file that is named as a table of the survey has that table's rows, any other one has detections. All rows of
the files are in memory at once, since Cassandra's bulk writer wants them in the order of their tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from farm.errors import InputError
from farm.seed import packets, tables
from farm.seed.hooks import ingest
from farm.seed.rows import Rows
from features.declare import Survey, Table

AVRO, PARQUET = b"Obj\x01", b"PAR1"


@dataclass(frozen=True)
class Listed:
    """Files, by what they hold."""

    rows: tuple[tuple[Path, Table], ...] = ()
    packets: tuple[Path, ...] = ()
    left_out: tuple[Path, ...] = ()
    """Of a folder with a file that is named as the table of detections: what is named as no table."""


def listed(paths: Sequence[Path], survey: Survey) -> Listed:
    """The files, and the ``*.parquet`` and ``*.avro`` files of folders.

    Raises InputError where there is none, or one that is neither Parquet nor Avro.
    """
    tables_by_name = {table.name.lower(): table for table in survey.tables}
    rows: list[tuple[Path, Table]] = []
    avro: list[Path] = []
    left_out: list[Path] = []
    for path in paths:
        files = _files(path)
        named = [each for each in files if each.stem.lower() in tables_by_name]
        whole = path.is_dir() and any(each.stem.lower() == survey.detections.name.lower() for each in named)
        for file in files:
            if _is_avro(file):
                avro.append(file)
            elif whole and file not in named:
                left_out.append(file)
            else:
                rows.append((file, tables_by_name.get(file.stem.lower(), survey.detections)))
    return Listed(tuple(rows), tuple(avro), tuple(left_out))


def read(found: Listed, survey: Survey) -> dict[str, Rows]:
    """Table to all its rows, in the order in which Cassandra stores them; a table without rows is not there.

    Of rows with one key the last one stays, packets come after Parquet. Raises InputError where a file cannot be read
    or is not of its table, and where there is no detection.
    """
    hook = ingest(survey)
    several: dict[str, list[Rows]] = {table.name: [] for table in survey.tables}
    for file, table in found.rows:
        several[table.name].append(tables.from_parquet(file, table, hook))
    for name, rows in packets.read(found.packets, survey, hook).items():
        several[name].append(rows)
    merged = {table.name: tables.merged(several[table.name], table) for table in survey.tables if several[table.name]}
    there = {name: rows for name, rows in merged.items() if len(next(iter(rows.values())))}
    if survey.detections.name not in there:
        raise InputError(f"{_some(found)} has no detection: name a file with rows of {survey.detections.name}")
    return there


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise InputError(f"there is no {path}: name a Parquet or Avro file of alerts, or a folder of them")
    if not path.is_dir():
        return [path]
    files = sorted(each for each in path.rglob("*") if each.suffix in (".parquet", ".avro"))
    if not files:
        raise InputError(f"{path} holds no *.parquet and no *.avro file: name a file of alerts, or a folder of them")
    return files


def _some(found: Listed) -> str:
    files = [*(file for file, _ in found.rows), *found.packets]
    return f"{', '.join(map(str, files[:3]))}{' ...' if len(files) > 3 else ''}"


def _is_avro(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if magic not in (AVRO, PARQUET):
        raise InputError(f"{path} is neither Parquet nor Avro: name a file of alerts in one of them")
    return magic == AVRO
