"""What a script says of itself in its first comments (PEP 723): the packages and the Python that it needs."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from farm.errors import InputError

_BLOCK = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
"""The expression that PEP 723 gives."""
_PATCHES = range(100)


@dataclass(frozen=True)
class Metadata:
    script: Path
    dependencies: tuple[str, ...] = ()
    python: str = ""
    """``requires-python``; "": any."""

    def require_python(self, found: str) -> None:
        """Raises InputError where no Python of the version ``found`` (X.Y), which the workers have, will do."""
        try:
            wanted = SpecifierSet(self.python)
        except InvalidSpecifier:
            raise InputError(f"{self.script}: requires-python is {self.python!r}, which names no versions") from None
        if not any(wanted.contains(f"{found}.{patch}") for patch in _PATCHES):
            raise InputError(f"{self.script} requires Python {self.python}, and the workers' release has {found}")


def require_packages(asked: Sequence[str]) -> None:
    """Raises InputError for one that names no package."""
    for each in asked:
        try:
            Requirement(each)
        except InvalidRequirement:
            raise InputError(f"{each!r} is no package: write light-curve, or 'light-curve>=0.10'") from None


def read(script: Path) -> Metadata:
    """Raises InputError where the script cannot be read, or its metadata are none."""
    try:
        text = script.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the script {script} cannot be read: {error}") from None
    blocks = [match["content"] for match in _BLOCK.finditer(text) if match["type"] == "script"]
    if len(blocks) > 1:
        raise InputError(f"{script} has {len(blocks)} blocks of script metadata, where one may stand")
    lines = "".join(blocks).splitlines(keepends=True)
    try:
        told = tomllib.loads("".join(line[2:] if line.startswith("# ") else line[1:] for line in lines))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"the script metadata of {script} is no TOML: {error}") from None
    found, python = told.get("dependencies", []), told.get("requires-python", "")
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise InputError(f"the dependencies of {script} are no list of texts")
    if not isinstance(python, str):
        raise InputError(f"requires-python of {script} is no text")
    return Metadata(script, tuple(found), python)
