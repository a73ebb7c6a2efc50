"""Where the head keeps its state: ``~/.farm/<env>/``, private to its owner."""

import os
from dataclasses import dataclass
from pathlib import Path

from farm.errors import InputError


@dataclass(frozen=True)
class Home:
    """The state of one environment on the head. ``FARM_HOME`` moves all environments elsewhere.

    Raises InputError where all of that is no folder.
    """

    env: str

    def __post_init__(self) -> None:
        base = self.root.parent
        if os.path.exists(base) and not os.path.isdir(base):  # noqa: PTH110, PTH112 - no error where one may not look
            raise InputError(f"{base} is no folder, and farm keeps its state there: name one in FARM_HOME")

    @property
    def root(self) -> Path:
        return Path(os.environ.get("FARM_HOME") or Path.home() / ".farm") / self.env

    @property
    def key(self) -> Path:
        """The farm's private key; the public one stands beside it with ``.pub``."""
        return self.root / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """Every host's pinned key, in the format of OpenSSH."""
        return self.root / "known_hosts"

    @property
    def releases(self) -> Path:
        return self.root / "releases"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    def secret(self, name: str) -> Path:
        return self.root / "secrets" / name

    def make(self) -> None:
        """Make the folders, 0700. Does nothing where they stand."""
        for folder in (self.root, self.runs, self.releases, self.root / "secrets"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
