"""What a run of mining is, for the programs of its workers: ``job.json`` beside the script."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from features.errors import InputError


@dataclass(frozen=True)
class Limits:
    """What a function may take."""

    seconds: float = 60.0
    """Of the clock, for one light curve or one batch."""
    memory: int = 1 << 30
    """Bytes, beyond what the process has when the script is imported."""
    errors: int = 1000
    """Objects that may fail; one more, and the run ends."""


@dataclass(frozen=True)
class Job:
    script: str
    """Name of the file, beside the job's own."""
    function: str
    digest: str
    """SHA-256 of the script."""
    survey: str
    window: float | Literal["all"]
    kind: Literal["parquet", "csv"]
    limits: Limits
    schema: Mapping[str, str] | None = None
    """None: to be inferred."""

    def text(self) -> str:
        return json.dumps(asdict(self), indent=1)


def read(path: Path) -> Job:
    """Raises InputError where the file is none."""
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Job(**{**told, "limits": Limits(**told["limits"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no description of what is to be mined: {error}") from None
