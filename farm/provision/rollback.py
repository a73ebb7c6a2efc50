"""Which release a rollback goes to: ``python -m farm.provision.rollback``.

Takes from standard input, as JSON, where each host stands: {host: {"now": DIGEST, "former": DIGEST, "restarted":
DIGEST}}, each "" where there is none; ``restarted`` is the release that a pipeline runs.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any

from farm.errors import ReleaseError
from farm.provision import program
from farm.release import short


def goal(stands: Mapping[str, Mapping[str, str]]) -> str:
    """The one release that every host came from, or is on; a host that came later came from nowhere.

    So a rollback that was interrupted goes on when it is run again, and an upgrade that was is taken back. Raises
    ReleaseError where there is no such release, or more than one.
    """
    formers = sorted({stand["former"] for stand in stands.values()} - {""})
    found = [
        former
        for former in formers
        if all(stand["former"] in ("", former) or stand["now"] == former for stand in stands.values())
    ]
    if len(found) == 1:
        return found[0]
    now = {stand["now"] for stand in stands.values()}
    if not formers and len(now) == 1 and any(stand["restarted"] not in ("", *now) for stand in stands.values()):
        return now.pop()  # all hosts are back, but for a pipeline that did not restart
    if not formers:
        raise ReleaseError(
            "there is no former release to go back to: since the last rollback, or since they were made, the hosts"
            " were not switched; check out the sources that you want, and run farm upgrade"
        )
    who = "; ".join(
        f"{host} is on {short(stand['now']) or 'none'}, before on {short(stand['former']) or 'none'}"
        for host, stand in stands.items()
    )
    raise ReleaseError(
        f"the hosts came from different releases, and a rollback is to one ({who}); nothing was changed: check out the"
        " sources that you want, and run farm upgrade"
    )


def main() -> dict[str, Any]:
    return {"release": goal(json.load(sys.stdin))}


if __name__ == "__main__":
    program.run(main)
