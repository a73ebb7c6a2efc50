"""System tools, run to their end."""

import subprocess

from farm.errors import LabError


def run(*argv: str, given: str | None = None, timeout: float = 60) -> str:
    """Run a tool and return what it printed.

    Raises LabError, with the tool's last words, where it fails, is missing or takes longer than ``timeout`` seconds.
    """
    what = " ".join(argv)
    try:
        done = subprocess.run(argv, input=given, capture_output=True, text=True, timeout=timeout, check=False)
    except FileNotFoundError as error:
        raise LabError(f"{argv[0]} is not on this machine; `make demo` installs what the lab needs") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"`{what}` did not end within {timeout:.0f} s") from error
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise LabError(f"`{what}` failed: {words[-1] if words else f'exit code {done.returncode}'}")
    return done.stdout
