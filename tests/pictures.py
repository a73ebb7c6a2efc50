"""Pictures of a page of ``farm report`` for the documentation: ``python -m tests.pictures [PAGE.html [FOLDER]]``.

Without a page they are of a run that is made here, on agents of this machine: tasks fail, and a worker is lost. A page
of a rebuild that was compared with the table has the picture of its features.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent / "farm"))
from command import farm
from lively import lively

FOLDER = Path(__file__).parent.parent / "docs" / "images"
SHOTS: dict[str, tuple[Any, int, int, str]] = {
    "report-light": ("light", 1000, 860, "header"),
    "report-dark": ("dark", 1000, 860, "#timeline"),
    "report-phone": ("dark", 360, 760, "header"),
    "report-features": ("light", 1000, 620, "#features"),
}
"""Name to scheme, width, height, and what stands at the top."""


def failing(folder: Path) -> Path:
    """The page of a run that had failures; FARM_HOME is in the folder from then on."""
    os.environ["FARM_HOME"] = str(folder / "home")
    run = lively(folder, words="tonight.txt")
    page = folder / "failing.html"
    said = farm("report", run.id, "--out", str(page))
    assert said.code == 0, said.stderr
    return page


def shoot(page: Path, folder: Path) -> Iterator[str]:
    """Make the pictures that the page has something for; their names."""
    folder.mkdir(exist_ok=True)
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        for name, (scheme, width, height, top) in SHOTS.items():
            shown = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            shown.goto(page.resolve().as_uri())
            if found := shown.query_selector(top):
                found.evaluate("each => window.scrollTo(0, each.closest('section, header').offsetTop - 14)")
                shown.screenshot(path=folder / f"{name}.png")
                yield name
        browser.close()


if __name__ == "__main__":
    _, *given = sys.argv
    with TemporaryDirectory() as made:
        taken = shoot(Path(given[0]) if given else failing(Path(made)), Path(given[1]) if given[1:] else FOLDER)
        sys.stdout.write("".join(f"{name}.png\n" for name in taken))
