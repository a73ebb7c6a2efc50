"""Where a file goes that is written beside its place and then renamed to it."""

import errno
import os
from pathlib import Path


def target(path: Path) -> Path:
    """The file to replace where ``path`` is to be written: a link stays, and what it leads to is written.

    Raises OSError where something stands there that is no regular file, as a FIFO or a device: a rename would take it
    away.
    """
    found = Path(os.path.realpath(path))
    if (found.exists() or found.is_symlink()) and not found.is_file():
        raise OSError(errno.EINVAL, "it is there and no regular file: name another one", str(path))
    return found
