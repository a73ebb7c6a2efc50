"""Parts of a run with simulated values, written as the workers write them."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np

import features
from farm.parts import FIRST_TOKEN, LAST_TOKEN
from features.batch import Rows
from features.schema import schema_hash
from features.text import write_header, write_rows

ZTF = features.survey("ztf")
RUN = "20261123T010203Z-rebuild-4f2a"
NAMES = ["(182319)2001OA98", 'comma, "quote"', "back\\slash", "Zoë"]
JD = 2_460_000.0


def simulate(size: int, seed: int = 1, prefix: str = "LT", first: int = 0) -> Rows:
    """Rows of random features, a tenth missing, some zero; jdmax and ncand are never missing."""
    random = np.random.default_rng(seed)
    values: dict[str, Any] = {}
    missing: dict[str, Any] = {}
    for column in ZTF.features:
        if column.width:
            values[column.name] = np.array(random.choice(NAMES, size), dtype=object)
        elif column.dtype == np.int64:
            values[column.name] = random.integers(0, 2**40 if "bigint" in column.sql else 50, size)
        else:
            values[column.name] = random.normal(0, 10.0 ** random.integers(-6, 7, size), size)
            values[column.name][random.random(size) < 0.05] = 0.0
        missing[column.name] = random.random(size) < 0.1 if column.null != "never" else np.zeros(size, bool)
    values["jdmax"] = JD + random.random(size)
    values["ncand"] = random.integers(10, 20, size)
    missing["jdmax"] = missing["ncand"] = np.zeros(size, bool)
    names = np.array([f"{prefix}{first + at:07d}" for at in range(size)], dtype=object)
    return Rows(ZTF, names, values, missing)


def text(rows: Rows) -> str:
    """The CSV of a part."""
    file = io.BytesIO()
    write_header(ZTF, file)
    write_rows(rows, file)
    return file.getvalue().decode()


def write_part(folder: Path, content: str | bytes | Rows, task: str = "t0001", **changes: Any) -> Path:
    """Write a part and its manifest, one that agrees with it but for ``changes``; returns the CSV's path.

    By default it is the only part of its run, of the whole ring.
    """
    raw = text(content) if isinstance(content, Rows) else content
    data = raw.encode() if isinstance(raw, str) else raw
    manifest = {
        "format": 1,
        "run": RUN,
        "task": task,
        "attempt": 1,
        "environment": "lab",
        "range": [FIRST_TOKEN, LAST_TOKEN],
        "window": 30,
        "rows": 100,
        "objects": data.count(b"\n") - 1,
        "unread": [],
        "sha256": hashlib.sha256(data).hexdigest(),
        "release": "a" * 64,
        "schema": schema_hash(ZTF),
        "read_at": "2026-11-23T01:02:03+00:00",
        "consistency": "LOCAL_QUORUM",
        **changes,
    }
    folder.mkdir(exist_ok=True)
    csv = folder / f"{task}.{manifest['attempt']}.csv"
    csv.write_bytes(data)
    csv.with_suffix(".json").write_text(json.dumps(manifest))
    return csv


def with_field(rows: Rows, row: int, column: str, field: str) -> str:
    """The CSV of ``rows`` with one field replaced by a text; the row must have no quoted field."""
    lines = text(rows).splitlines()
    fields = lines[row + 1].split(",")
    fields[lines[0].split(",").index(column)] = field
    lines[row + 1] = ",".join(fields)
    return "\n".join(lines) + "\n"


def plain(size: int, seed: int = 1, prefix: str = "LT") -> Rows:
    """Rows without a text that is quoted."""
    rows = simulate(size, seed, prefix)
    rows.missing["ssnamenr"][:] = True  # type: ignore[index]
    return rows


def write_parts(folder: Path, rows: Rows, number: int) -> None:
    """Write the rows as so many parts that cover the ring; the keys of each run over all of them."""
    step = (LAST_TOKEN - FIRST_TOKEN) // number
    for at in range(number):
        last = LAST_TOKEN if at == number - 1 else FIRST_TOKEN + (at + 1) * step
        values = {name: column[at::number] for name, column in rows.values.items()}
        missing = {name: column[at::number] for name, column in rows.missing.items()}
        part = Rows(rows.survey, rows.object_id[at::number], values, missing)
        write_part(folder, part, f"t{at:04d}", range=[FIRST_TOKEN + at * step, last])
