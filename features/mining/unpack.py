"""Wheels into a folder without pip, which a release lacks: ``python -m features.mining.unpack FOLDER WHEEL...``.

A wheel is an archive of what goes to site-packages; of its ``NAME.data`` folder only ``purelib`` and ``platlib`` do
(packaging.python.org, Binary distribution format).
"""

import sys
import zipfile
from pathlib import Path


def unpack(wheel: Path, folder: Path) -> None:
    """Raises ValueError where a name in it would leave the folder."""
    with zipfile.ZipFile(wheel) as archive:
        for info in archive.infolist():
            first, _, rest = info.filename.partition("/")
            kind, _, inner = rest.partition("/")
            if first.endswith(".data") and kind not in ("purelib", "platlib"):
                continue
            name = inner if first.endswith(".data") else info.filename
            if not (folder / name).resolve().is_relative_to(folder.resolve()):
                raise ValueError(f"{wheel.name} has a file {info.filename}, which is outside of its folder")
            if name and not info.is_dir():
                info.filename = name
                archive.extract(info, folder)


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for wheel in sys.argv[2:]:
        unpack(Path(wheel), folder)


if __name__ == "__main__":
    main()
