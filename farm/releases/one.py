"""``farm release show``: one release, what it was made from and where it stands."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from farm.errors import ReleaseError
from farm.release import short
from farm.releases.listing import Listing, reasons
from farm.releases.standing import agreed
from farm.show import table

SHOWN = 10
"""Files that are printed of a host."""


def find(found: Listing, text: str | None) -> str:
    """The release that a digest, or a unique prefix of it, means; None: the one that is current on all hosts.

    Raises ReleaseError where there is none or more than one.
    """
    if text is None:
        return agreed(found.standings, found.env)
    named = [digest for digest in found.digests if text and digest.startswith(text)]
    if len(named) != 1:
        known = ", ".join(map(short, named or found.digests)) or "none"
        what = f"means {len(named)} releases" if named else "is no release"
        raise ReleaseError(f"{text!r} {what} of environment {found.env}: name one of {known}")
    return named[0]


def as_json(found: Listing, digest: str, wrong: Mapping[str, Sequence[str]] | None) -> dict[str, Any]:
    """``wrong`` is what ``check.verify`` returned; None where it was not asked."""
    return {
        "schema": 1,
        "environment": found.env,
        "digest": digest,
        "release": found.manifest(digest) or None,
        "hosts": {place: found.hosts(digest, place) for place in ("current", "previous", "staged")},
        "archive": digest in found.archives,
        "runs": [asdict(need) for need in found.runs(digest)],
        "errors": [str(each.error) for each in found.standings if each.error],
        "verified": None if wrong is None else {name: list(said) for name, said in wrong.items()},
    }


def show(found: Listing, digest: str, wrong: Mapping[str, Sequence[str]] | None) -> None:
    """The same for a person."""
    manifest = found.manifest(digest)
    told = [(name, str(manifest[name])) for name in ("version", "python", "platform", "schema", "built_at") if manifest]
    told += [(f"{place} on", ", ".join(found.hosts(digest, place))) for place in ("current", "previous", "staged")]
    told += [("wheel", f"{name} {short(said)}") for name, said in manifest.get("wheels", {}).items()]
    table(f"Release {digest}", ("what", "is"), [(name, said) for name, said in told if said])
    for reason in reasons(found.runs(digest)):
        print(reason)
    for name, said in (wrong or {}).items():
        print(f"{name}: {'as installed' if not said else f'{len(said)} differences'}")
        for each in said[:SHOWN]:
            print(f"  {each}")
