"""Writes the page: the template, with style and script put in. The only module that knows Jinja."""

from html import escape
from pathlib import Path

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from farm.errors import InputError
from farm.page.facts import facts
from farm.runs import Run
from farm.show import clock, size
from features.target import target


def page(run: Run) -> str:
    """The whole page. Raises RunError where the journal cannot be read."""
    environment = Environment(
        loader=PackageLoader("farm.page", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}
    environment.filters |= {"text": _text, "clock": clock, "size": size, "number": lambda value: f"{value:,}"}
    here = Path(__file__).parent
    style, script = (Markup((here / name).read_text(encoding="utf-8")) for name in ("page.css", "page.js"))  # noqa: S704
    return environment.get_template("page.html.j2").render(style=style, script=script, **facts(run))


def _text(value: str) -> Markup:
    """Escaped for between tags, where quotes mean nothing: of a log they are many."""
    return Markup(escape(value, quote=False))  # noqa: S704


def write(run: Run, out: Path) -> None:
    """Write the page whole. Raises RunError, and InputError where the file cannot be written."""
    text = page(run)
    try:
        place = target(out)
        fresh = place.with_name(f".{place.name}.part")
        fresh.write_text(text, encoding="utf-8", errors="replace")
        fresh.replace(place)
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror or error}") from None
