"""Where the head keeps its state: ``~/.farm/<env>/``, private to its owner."""

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from farm.errors import InputError


@dataclass(frozen=True)
class Home:
    """The state of one environment on the head. ``FARM_HOME`` moves all environments elsewhere.

    Raises InputError where that is no folder, or one that this user may not look into.
    """

    env: str

    def __post_init__(self) -> None:
        for folder in (self.root.parent, self.root):
            _require_folder(folder)

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
        """Make the folders, 0700. Does nothing where they stand. Raises InputError where they cannot be made."""
        for folder in (self.root, self.runs, self.releases, self.root / "secrets"):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise InputError(
                    f"{folder} cannot be made ({error.strerror}), and farm keeps its state there:"
                    " name another folder in FARM_HOME"
                ) from None


def _require_folder(path: Path) -> None:
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _not_mine(path, error.strerror) from None
    if not is_folder:
        raise InputError(f"{path} is no folder, and farm keeps its state there: name one in FARM_HOME")
    if not os.access(path, os.R_OK | os.X_OK):
        raise _not_mine(path, os.strerror(errno.EACCES))


def _not_mine(path: Path, why: str | None) -> InputError:
    return InputError(
        f"{path} cannot be read ({why}), and farm keeps its state there:"
        " run farm as the user whose it is, or name another folder in FARM_HOME"
    )
