"""Whether ``farm_shared_dir`` is one folder, or several of the same name: hosts look for a file that the head made."""

import secrets
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from farm.transport import Session

_SECONDS = 10
_WRONG = ("missing", "other", "shut")


@contextmanager
def marked(folder: Path | None) -> Iterator[str]:
    """A file of a random name is in the folder; its name, empty where the head can make none there."""
    mark = Path(folder or "", f".farm-doctor-{secrets.token_hex(8)}")
    try:
        if folder:
            mark.touch()
    except OSError:
        folder = None
    try:
        yield mark.name if folder else ""
    finally:
        if folder:
            mark.unlink(missing_ok=True)


def seen(session: Session, folder: Path, mark: str) -> tuple[str, ...]:
    """What is wrong with the folder on a host: missing, other (the mark is not in it), shut."""
    question = f"""
cd {shlex.quote(str(folder))} 2>/dev/null || {{ echo missing; exit; }}
[ -z "{mark}" ] || [ -e "{mark}" ] || echo other
own=$(mktemp .farm-doctor-XXXXXXXX 2>/dev/null) && rm "$own" || echo shut
"""
    said = session.run(question, _SECONDS).out.split()
    return tuple(word for word in said if word in _WRONG)  # a noisy shell says more
