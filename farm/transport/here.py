"""Files of the head that a transport writes: their errors are the head's own, not the connection's."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from farm.errors import RunError


@contextmanager
def written(path: Path) -> Iterator[Callable[[bytes], None]]:
    """A local file, and what writes to it. Raises RunError where this machine refuses it."""

    def refused(error: OSError) -> RunError:
        return RunError(f"{path} cannot be written ({error.strerror}): is the head's disk full?")

    def write(data: bytes) -> None:
        left = memoryview(data)
        try:
            while left:
                left = left[file.write(left) :]
        except OSError as error:
            raise refused(error) from error

    try:
        file = path.open("wb", buffering=0)
    except OSError as error:
        raise refused(error) from error
    with file:
        yield write
