"""What a run brings to its workers beside the release, in one archive: the script, its description, its wheels."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from farm.errors import InputError
from farm.release import Target
from farm.ship import pack
from features.mining.job import Job


def build(target: Path, job: Job, script: Path, wheels: Sequence[Path]) -> str:
    """Write the archive; returns its SHA-256, the same for the same parts."""
    told = target.with_name("job")
    told.write_text(job.text(), encoding="utf-8")
    try:
        return pack(target, {"job.json": told, job.script: script, **{f"wheels/{each.name}": each for each in wheels}})
    finally:
        told.unlink()


def resolve(packages: Sequence[str], release: Mapping[str, object], cache: Path) -> list[Path]:
    """The wheels that these packages need beside those of the release, for its Python and platform; fetched once a day.

    ``release`` is what RELEASE.json holds. Raises InputError where a package does not exist as a wheel, or
    wants another version of what the release has.
    """
    if not packages:
        return []
    target = Target(str(release["python"]), str(release["platform"]))
    held = release["wheels"]
    assert isinstance(held, dict)
    known = dict(_version(name) for name in held)
    key = json.dumps([sorted(packages), target.python, target.platform, sorted(known.items())])
    kept = cache / f"{_day(0)}-{hashlib.sha256(key.encode()).hexdigest()}"
    if not kept.exists():
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        _forget(cache)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            fresh = Path(scratch, "wheels")
            _download(packages, known, target, Path(scratch), fresh)
            for wheel in fresh.iterdir():
                if _version(wheel.name)[0] in known:
                    wheel.unlink()
            try:
                fresh.rename(kept)
            except OSError:
                if not kept.exists():  # else another run was faster
                    raise
    return sorted(kept.iterdir())


def digest(wheel: Path) -> str:
    """SHA-256."""
    with wheel.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _day(ago: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86400 * ago))


def _forget(cache: Path) -> None:
    """What was fetched before yesterday; what is older than that no run is about to begin with."""
    for old in cache.iterdir():
        if old.name < _day(1):
            shutil.rmtree(old, ignore_errors=True)


def _download(packages: Sequence[str], known: Mapping[str, str], target: Target, scratch: Path, into: Path) -> None:
    constraints = scratch / "constraints.txt"
    constraints.write_text("".join(f"{name}=={version}\n" for name, version in known.items()), encoding="utf-8")
    platforms = [f"--platform={tag}" for tag in target.tags()]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--progress-bar=off", "--disable-pip-version-check"),
            *("--only-binary=:all:", "--implementation=cp", f"--python-version={target.python}", *platforms),
            *(f"--constraint={constraints}", f"--dest={into}", "--", *packages),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        why = _conflict(done.stdout) or " ".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-3:])
        raise InputError(
            f"{', '.join(packages)} cannot be had as wheels for Python {target.python} beside the release: {why}"
        )


def _conflict(said: str) -> str:
    """What pip says of packages that do not go together; a constraint is what the release has."""
    caused = said.partition("The conflict is caused by:\n")[2].partition("\n\n")[0]
    return "; ".join(line.strip() for line in caused.splitlines()).replace("(constraint)", "(by the release)")


def _version(wheel: str) -> tuple[str, str]:
    """Normalised name and version, by the name of a wheel."""
    name, version = wheel.split("-")[:2]
    return re.sub(r"[-_.]+", "-", name).lower(), version
