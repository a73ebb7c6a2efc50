"""Which of this machine's apt sources are Debian's own: the image is made from those alone."""

import re
from pathlib import Path

from farm.errors import SetupError

_DEBIAN_KEYRING = "debian-archive"


def sources(suite: str, etc: Path = Path("/etc/apt")) -> str:
    """This machine's apt sources of Debian's ``suite``, its updates and security updates, as deb822 stanzas.

    A source with a key that is not Debian's is somebody else's, whatever its suite is called.
    Raises SetupError where none is left.
    """
    files = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]
    stanzas: list[dict[str, str]] = []
    for file in files:
        if file.is_file() and file.suffix == ".list":
            stanzas += filter(None, map(_one_line, file.read_text().splitlines()))
        elif file.is_file() and file.suffix == ".sources":
            stanzas += map(_stanza, re.split(r"\n\s*\n", file.read_text()))
    wanted = {suite, f"{suite}-updates", f"{suite}-security"}
    kept = [
        stanza | {"Types": "deb", "Suites": " ".join(own)} for stanza in stanzas if (own := _debians(stanza, wanted))
    ]
    if not kept:
        raise SetupError(f"no apt source in {etc} offers Debian's {suite}, which the lab's image is made from: add one")
    return "\n".join("".join(f"{key}: {value}\n" for key, value in stanza.items()) for stanza in kept)


def _debians(stanza: dict[str, str], wanted: set[str]) -> list[str]:
    """The wanted suites of a stanza that is Debian's own and in use."""
    if "deb" not in stanza.get("Types", "").split() or stanza.get("Enabled", "yes").lower() in ("no", "false", "0"):
        return []
    if "main" not in stanza.get("Components", "").split() or stanza.get("URIs", "").startswith("cdrom:"):
        return []
    if _DEBIAN_KEYRING not in stanza.get("Signed-By", _DEBIAN_KEYRING):
        return []
    return [name for name in stanza["Suites"].split() if name in wanted]


def _stanza(text: str) -> dict[str, str]:
    """A deb822 stanza, comments left out; the continuation of a value keeps its indentation."""
    fields: dict[str, str] = {}
    key = ""
    for line in text.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line[0].isspace() and key:
            fields[key] += f"\n{line}"
        elif ":" in line:
            key, value = (part.strip() for part in line.split(":", 1))
            fields[key] = value
    return fields


def _one_line(line: str) -> dict[str, str] | None:
    """The stanza of a one-line source, or None where the line is none."""
    found = re.match(r"deb\s+(?:\[(?P<options>[^]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>[^#]+)", line)
    if not found:
        return None
    stanza = {"Types": "deb", "URIs": found["uri"], "Suites": found["suite"], "Components": found["components"].strip()}
    for option in (found["options"] or "").split():
        key, _, value = option.partition("=")
        if key == "signed-by":
            stanza["Signed-By"] = value
    return stanza
