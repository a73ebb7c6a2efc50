"""``farm upgrade``: the release of the sources as they are, on every host that holds one, a batch at a time."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from farm.errors import FarmError, GateError, ReleaseError
from farm.inventory import Inventory
from farm.playbook import play
from farm.release import short


@dataclass(frozen=True)
class How:
    serial: int | None = None
    """Hosts at a time, after the canary; None: a quarter of all."""
    canary: str | None = None
    """The worker that goes first; None: the first one that lacks the release."""
    accept_drift: bool = False
    """Go on whatever the new code changes."""
    skip_down: bool = False
    """Leave out the hosts that are down."""

    def variables(self) -> dict[str, Any]:
        """As ``playbooks/upgrade.yml`` takes them."""
        named = {"upgrade_serial": self.serial, "upgrade_canary": self.canary}
        wanted = {"accept_drift": self.accept_drift, "skip_down": self.skip_down}
        return {name: value for name, value in (named | wanted).items() if value}


def upgrade(inventory: Inventory, how: How) -> dict[str, Any]:
    """Run ``playbooks/upgrade.yml``; returns its record, ``~/.farm/<env>/upgrade.json``, of an upgrade that ended well.

    Raises GateError where the new code changes more than its limits, ReleaseError where all hosts were taken back, and
    what ``play`` raises where nothing was changed.
    """
    file = inventory.home.root / "upgrade.json"
    file.unlink(missing_ok=True)
    try:
        play(inventory, "upgrade", how.variables())
    except FarmError as error:
        record = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        if record.get("state") == "done":  # hosts that were left out count as unreachable
            return record
        raise _reason(record, error) from None
    return dict(json.loads(file.read_text(encoding="utf-8")))


def _reason(record: Mapping[str, Any], error: FarmError) -> FarmError:
    if record.get("state") == "refused":
        told = "\n  ".join(record["drift"]["breaches"])
        head = "the new code changes more than its limits; no host changed over:"
        return GateError(f"{head}\n  {told}\nIf that is wanted: --accept-drift")
    if record.get("state") == "taken back":
        left = f", but for {', '.join(record['stuck'])}" if record["stuck"] else ""
        return ReleaseError(f"{'; '.join(record['reasons'])}. All hosts were taken back to what they had{left}")
    return error


def lines(record: Mapping[str, Any]) -> Iterator[str]:
    """The record for people."""
    if record["drift"]:
        yield from record["drift"]["lines"]
    target = record["release"]
    for host, was in record["was"].items():
        yield f"{host:<14} {short(target)}  " + ("as before" if was == target else f"was {short(was)}")
    for host in record["left_out"]:
        yield f"{host:<14} left out, since it is down; it gets no task until farm upgrade has reached it"
