"""Releases: the feature code and all that it needs, as one archive for a worker or loader, named by its inputs.

Two heads at one commit get one digest. Building needs a registry once for each lock file; after that it is offline.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from farm.errors import ReleaseError, SetupError
from farm.home import Home
from features import DEFAULT, SURVEYS, survey
from features.schema import schema_hash

Kind = Literal["worker", "loader"]
PACKAGES = ("farm", "features")
BESIDE = ("pyproject.toml", "README.md", "LICENSE")
"""What building the wheel reads beside its packages; only the first one decides what the wheel does."""
OLDEST_GLIBC = 5
"""manylinux_2_5 is the first of all such tags."""


@dataclass(frozen=True)
class Target:
    """The interpreter that a release is for."""

    python: str
    """Version as X.Y."""
    platform: str
    """The newest platform tag that it takes, as in manylinux_2_36_x86_64."""

    def tags(self) -> list[str]:
        """Every platform tag that the interpreter takes, newest first."""
        name, major, minor, machine = self.platform.split("_", 3)
        if (name, major) != ("manylinux", "2"):
            raise ReleaseError(f"platform {self.platform!r} is not known: releases are for Linux with glibc")
        return [f"manylinux_2_{each}_{machine}" for each in range(int(minor), OLDEST_GLIBC - 1, -1)] + [
            f"{legacy}_{machine}" for legacy in ("manylinux2014", "manylinux2010", "manylinux1")
        ]


def short(digest: str) -> str:
    """A digest as it is shown to a person."""
    return digest[:12]


def project() -> Path:
    """The folder of the project. Raises SetupError where farm was not installed from its source."""
    root = Path(__file__).resolve().parents[1]
    if not (root / "pyproject.toml").exists():
        raise SetupError(f"releases are built from the project's source, and {root} is not it: install with make")
    return root


def sources(root: Path) -> Iterator[Path]:
    """Source files of the wheel, relative to the project, in order."""
    yield Path(BESIDE[0])
    for package in PACKAGES:
        files = (path for path in (root / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        yield from sorted(path.relative_to(root) for path in files)


def digest(root: Path, target: Target) -> str:
    """SHA-256 of the canonical JSON of a release's inputs: sources and lock files by hash, target, schema hash."""
    inputs = {
        "sources": {str(path): _sha256(root / path) for path in sources(root)},
        "locks": {kind: _sha256(_lock(root, kind)) for kind in ("worker", "loader")},
        "python": target.python,
        "platform": target.platform,
        "schema": schema_hash(survey(DEFAULT)),
        "schemas": {name: schema_hash(survey(name)) for name in SURVEYS},
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def archive(home: Home, name: str, kind: Kind) -> Path:
    """Where the release of that digest stands on the head once it is built."""
    return home.releases / name / f"{kind}.tar"


def archived(home: Home) -> list[str]:
    """The releases that were built on the head."""
    return sorted(path.name for path in home.releases.glob("*/") if any(path.glob("*.tar")))


def build(home: Home, target: Target, kind: Kind = "worker") -> Path:
    """Build the release of the sources as they are, and return its archive; at once where it was built before.

    Raises ReleaseError where a wheel cannot be had or made.
    """
    with tempfile.TemporaryDirectory(prefix="farm-release-") as folder:
        tree = _snapshot(project(), Path(folder, "source"))
        name = digest(tree, target)
        done = archive(home, name, kind)
        if not done.exists():
            _build(tree, home, target, name, kind, done)
    return done


def _build(tree: Path, home: Home, target: Target, name: str, kind: Kind, done: Path) -> None:
    stage = tree.parent / "release"
    wheels = stage / "wheels"
    shutil.copytree(_wheels(home, _lock(tree, kind), target), wheels)
    ours = _wheel(tree, wheels)
    version = ours.name.split("-")[1]
    extra = "[loader]" if kind == "loader" else ""
    requirement = f"lightcurve-farm{extra}=={version} --hash=sha256:{_sha256(ours)}"
    requirements = _lock(tree, kind).read_text(encoding="utf-8")
    (stage / "requirements.txt").write_text(f"{requirements}\n{requirement}\n", encoding="utf-8")
    manifest = {
        "format": 1,
        "digest": name,
        "kind": kind,
        "version": version,
        "python": target.python,
        "platform": target.platform,
        "schema": schema_hash(survey(DEFAULT)),
        "schemas": {name: schema_hash(survey(name)) for name in SURVEYS},
        "wheels": {wheel.name: _sha256(wheel) for wheel in sorted(wheels.iterdir())},
        "built_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    (stage / "release.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    done.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = done.with_suffix(f".{os.getpid()}.part")
    with tarfile.open(part, "w") as tar:
        for path in sorted(stage.iterdir()):
            tar.add(path, path.name, filter=plain)
    part.replace(done)


def plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """As it is to stand in an archive that is the same wherever it is made."""
    info.uid = info.gid = 0
    info.uname = info.gname = "root"
    info.mode = 0o755 if info.isdir() else 0o644
    return info


def _snapshot(root: Path, tree: Path) -> Path:
    """Copy what a build reads, so that what is hashed is what is built while somebody edits."""
    locks = [_lock(root, kind).relative_to(root) for kind in ("worker", "loader")]
    for path in (*sources(root), *(Path(name) for name in BESIDE), *locks):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / path, tree / path)
    return tree


def _wheels(home: Home, lock: Path, target: Target) -> Path:
    """The locked wheels for the target, fetched once."""
    key = hashlib.sha256(lock.read_bytes() + f"{target.python} {target.platform}".encode()).hexdigest()
    kept = home.root / "wheels" / key
    if kept.exists():
        return kept
    kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        fresh = Path(folder, "wheels")
        platforms = [f"--platform={tag}" for tag in target.tags()]
        _run(
            f"fetching the wheels of {lock.name} for Python {target.python} on {target.platform}",
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
                *("--require-hashes", "--only-binary=:all:", "--implementation=cp"),
                *(f"--python-version={target.python}", *platforms, f"--requirement={lock}", f"--dest={fresh}"),
            ],
        )
        fresh.rename(kept)
    return kept


def _wheel(tree: Path, folder: Path) -> Path:
    """Our own wheel, built with the head's hatchling."""
    before = set(folder.iterdir())
    _run(
        "building the wheel of the project",
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=tree,
    )
    return next(path for path in folder.iterdir() if path not in before and path.suffix == ".whl")


def _run(what: str, command: list[str], cwd: Path | None = None) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)
    if done.returncode != 0:
        reason = (done.stderr.strip() or done.stdout.strip()).splitlines()[-5:]
        raise ReleaseError(f"{what} failed: {' '.join(reason) or 'no reason given'}")


def _lock(root: Path, kind: str) -> Path:
    return root / "requirements" / f"{kind}.txt"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
