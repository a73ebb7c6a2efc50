"""The dataset that a run leaves: a folder of accepted parts and nothing else, or one file; its provenance beside it.

Polars takes a folder for one table only where nothing but its parts stands in it.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from farm.errors import InputError
from farm.journal import Accepted
from features.target import target

Kind = Literal["parquet", "csv"]
_OF_A_PART = ("farm.task", "farm.attempt")


def provenance_of(out: Path) -> Path:
    return out.with_name(f"{out.name}.provenance.json")


def incoming_of(out: Path, run: str) -> Path:
    """Where parts wait until the run has ended; on the dataset's own disk, so that they are moved."""
    return out.with_name(f".{out.name}.{run}")


def gone(out: Path, incoming: Path, accepted: Sequence[Accepted], kind: Kind) -> list[str]:
    """Accepted parts that stand neither there nor, already, in the dataset."""
    return [
        part.name
        for part, placed in ((_waiting(incoming, each, kind), _placed(out, each, kind)) for each in accepted)
        if not part.exists() and not placed.exists()
    ]


def _waiting(incoming: Path, each: Accepted, kind: Kind) -> Path:
    return incoming / f"{each.task}.{each.attempt}.{kind}"


def _placed(out: Path, each: Accepted, kind: Kind) -> Path:
    return out / f"part-{each.task}.{kind}"


def require_free(out: Path) -> None:
    """Raises InputError where something stands at the dataset's place, or it cannot be made there; makes nothing."""
    if (out.exists() or out.is_symlink()) and not (out.is_dir() and not any(out.iterdir())):
        raise InputError(f"{out} is there already: name another --out, or remove it")
    try:
        target(provenance_of(out))
    except OSError as error:
        raise InputError(f"{error.filename} cannot be written: {error.strerror}") from None
    above = next(folder for folder in out.absolute().parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise InputError(f"{out} cannot be made: {above} is no folder that can be written to")


def finish(
    out: Path, incoming: Path, accepted: Sequence[Accepted], kind: Kind, single: bool, told: Mapping[str, Any]
) -> None:
    """Make the dataset of the accepted parts, which are moved, and write down where it comes from."""
    parts = [_waiting(incoming, each, kind) for each in accepted]
    if single:
        place = Path(os.path.realpath(out))
        if place.is_dir():
            place.rmdir()
        _join(parts, place, kind)
    else:
        out.mkdir(exist_ok=True)
        for each, part in zip(accepted, parts, strict=True):
            placed = _placed(out, each, kind)
            if part.exists() or not placed.exists():
                part.replace(placed)
    provenance = target(provenance_of(out))
    fresh = provenance.with_suffix(".new")
    fresh.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    fresh.replace(provenance)
    shutil.rmtree(incoming)


def _join(parts: Sequence[Path], out: Path, kind: Kind) -> None:
    fresh = out.with_name(f".{out.name}.new")
    if kind == "csv":
        _join_csv(parts, fresh)
    else:
        _join_parquet(parts, fresh)
    fresh.replace(out)


def _join_csv(parts: Sequence[Path], out: Path) -> None:
    """The first one's header, and the lines of all."""
    with out.open("wb") as file:
        for number, part in enumerate(parts):
            with part.open("rb") as source:
                header = source.readline()
                if number == 0:
                    file.write(header)
                shutil.copyfileobj(source, file)


def _join_parquet(parts: Sequence[Path], out: Path) -> None:
    """A row group of one part after the other, so that memory is that of one; of the whole nobody says a task."""
    import pyarrow.parquet as pq

    from features.mining import table

    schema = pq.read_schema(parts[0])
    told = {key.decode(): value.decode() for key, value in (schema.metadata or {}).items()}
    about = {key: value for key, value in told.items() if not key.startswith(table.LENGTH) and key not in _OF_A_PART}
    with out.open("wb") as file:
        writer = table.Writer(file, schema.remove_metadata(), "parquet", about)
        for part in parts:
            for rows in table.rows_of(part):
                writer.write(rows.replace_schema_metadata(None))
        writer.close()
