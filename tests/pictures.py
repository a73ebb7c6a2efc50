"""Pictures of a page of ``farm report`` for the documentation: ``python -m tests.pictures PAGE.html [FOLDER]``."""

import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

FOLDER = Path(__file__).parent.parent / "docs" / "images"
SHOTS: dict[str, tuple[Any, int, int, str]] = {
    "report-light": ("light", 1000, 860, "header"),
    "report-dark": ("dark", 1000, 860, "#timeline"),
    "report-phone": ("dark", 360, 760, "header"),
    "report-features": ("light", 1000, 620, "#features"),
}
"""Name to scheme, width, height, and what stands at the top."""


def main(page: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        for name, (scheme, width, height, top) in SHOTS.items():
            shown = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            shown.goto(page.resolve().as_uri())
            if found := shown.query_selector(top):
                found.evaluate("each => window.scrollTo(0, each.closest('section, header').offsetTop - 14)")
                shown.screenshot(path=folder / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else FOLDER)
