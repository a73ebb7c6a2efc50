"""A script of an astronomer's: checked by its digest, imported, and asked for its function."""

import hashlib
import importlib.util
import sys
import traceback
from pathlib import Path

from features.errors import InputError
from features.mining.declare import Miner

_NAME = "mined_script"


def digest(path: Path) -> str:
    """SHA-256 of the file. Raises InputError where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"the script {path} cannot be read: {error.strerror}") from None


def load(path: Path, function: str, packages: Path | None, expected: str | None = None) -> Miner:
    """Import the script and return its function. Its own packages come behind those that are installed.

    Raises InputError where the file is another than ``expected``, cannot be imported, or has no such function.
    """
    if expected is not None and (found := digest(path)) != expected:
        raise InputError(f"the script {path} has SHA-256 {found[:12]}, and the run began with {expected[:12]}")
    if packages is not None:
        sys.path.append(str(packages))
    spec = importlib.util.spec_from_file_location(_NAME, path)
    if spec is None or spec.loader is None:
        raise InputError(f"the script {path} is no Python file: its name must end in .py")
    module = sys.modules[_NAME] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        alone = isinstance(error, ModuleNotFoundError)
        hint = "\n(a worker has this one file, what the release has, and packages that are asked for)" if alone else ""
        raise InputError(f"the script {path.name} cannot be imported:\n{_from(path, error)}{hint}") from None
    miner = getattr(module, function, None)
    if not isinstance(miner, Miner):
        known = [name for name, value in vars(module).items() if isinstance(value, Miner)]
        raise InputError(
            f"{path.name} has no function {function} marked by @light_curve or @batch (features.mining);"
            f" marked are: {', '.join(known) or 'none'}"
        )
    return miner


def _from(path: Path, error: Exception) -> str:
    """The traceback from the script's own frame on."""
    frames = traceback.extract_tb(error.__traceback__)
    own = next((number for number, frame in enumerate(frames) if frame.filename == str(path)), len(frames))
    said = [*traceback.format_list(frames[own:]), *traceback.format_exception_only(error)]
    return "".join(said).rstrip()
