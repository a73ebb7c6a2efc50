"""The pictures of the documentation are of a run that had failures."""

import re
from pathlib import Path

import pictures
import pytest
from command import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def width(picture: Path) -> int:
    """Of a PNG, as its header has it."""
    return int.from_bytes(picture.read_bytes()[16:20])


def test_the_pictures_of_the_documentation_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARM_HOME", "set anew by python -m tests.pictures")
    page = pictures.failing(tmp_path)
    text = page.read_text()
    assert "no light curve" in text
    assert "out of luck" in text
    made = list(pictures.shoot(page, tmp_path / "images"))
    assert made == ["report-light", "report-dark", "report-phone"]
    assert [width(tmp_path / "images" / f"{name}.png") for name in made] == [pictures.SHOTS[name][1] for name in made]


def test_every_picture_of_the_page_on_reports_is_one_of_them() -> None:
    shown = re.findall(r"images/([\w-]+)\.png", (ROOT / "docs" / "report.md").read_text())
    assert sorted(shown) == sorted(pictures.SHOTS)
    assert all((pictures.FOLDER / f"{name}.png").exists() for name in shown)
