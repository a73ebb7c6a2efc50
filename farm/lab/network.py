"""The bridge that all hosts hang on, and the cable of each. Nothing of it reaches beyond this machine."""

import json
from pathlib import Path

from farm.errors import LabError
from farm.lab.command import run
from farm.lab.topology import BRIDGE, HEAD, NETWORK, LabHost

_LINKS = Path("/sys/class/net")
_UP = 1
"""IFF_UP of the kernel's interface flags."""


def make() -> bool:
    """Make the bridge with this machine's address on it; says whether it was missing.

    The hosts have no default route and the bridge forwards nothing, whatever this machine otherwise does.
    Raises LabError where the lab's network is already routed elsewhere.
    """
    if exists():
        return False
    routes = json.loads(run("ip", "-json", "route", "show", "root", NETWORK))
    if routes:
        raise LabError(f"{NETWORK}, the lab's network, is already in use on {routes[0].get('dev')}: free it first")
    run("ip", "link", "add", BRIDGE, "address", "02:fa:12:00:00:01", "type", "bridge", "forward_delay", "0")
    Path(f"/proc/sys/net/ipv4/conf/{BRIDGE}/forwarding").write_text("0")
    no_ipv6 = Path(f"/proc/sys/net/ipv6/conf/{BRIDGE}/disable_ipv6")
    if no_ipv6.exists():
        no_ipv6.write_text("1")
    run("ip", "address", "add", f"{HEAD}/24", "dev", BRIDGE)
    run("ip", "link", "set", BRIDGE, "up")
    return True


def destroy() -> None:
    """Take the bridge and what is left of the cables away."""
    if exists():
        for cable in (_LINKS / BRIDGE / "brif").iterdir():
            run("ip", "link", "delete", cable.name)
        run("ip", "link", "delete", BRIDGE)


def exists() -> bool:
    return (_LINKS / BRIDGE).exists()


def attach(host: LabHost) -> None:
    """Plug a host's cable into a bridge that was made anew."""
    run("ip", "link", "set", host.link, "master", BRIDGE)


def cut(host: LabHost) -> None:
    run("ip", "link", "set", host.link, "down")


def heal(host: LabHost) -> None:
    """Plug it in, and forget that this machine had asked for it in vain: it would not ask again for a moment."""
    run("ip", "link", "set", host.link, "up")
    run("ip", "neighbour", "flush", "to", host.address, "dev", BRIDGE)


def is_cut(host: LabHost) -> bool:
    """Whether the cable is there and switched off."""
    try:
        return not int((_LINKS / host.link / "flags").read_text(), 16) & _UP
    except OSError:
        return False
