"""A cgroup of its own for each host, in every hierarchy of this machine, v1 and v2.

Without one, all hosts would share this machine's ``/system.slice/...``, and stopping a unit on one would strike
another. Every process that outlives a `farm lab` command stands in such a group: so all of them are found again.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from farm.errors import LabError

GROUP = "farm-lab"


def hierarchies() -> tuple[Path, ...]:
    """Where this machine's cgroup hierarchies are mounted, each once; the unified one (v2) first.

    Raises LabError where there is no unified one: it is what freezes and kills.
    """
    return tuple(sorted(_mounted(), key=lambda path: not _is_unified(path)))


def _mounted() -> set[Path]:
    found: dict[str, Path] = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, right = line.split(" - ")
        device, top, point = left.split()[2:5]
        if right.split()[0] in ("cgroup", "cgroup2") and top == "/":
            found.setdefault(device, Path(point))
    if not any(_is_unified(path) for path in found.values()):
        raise LabError("this machine has no cgroup v2: mount it with `mount -t cgroup2 none /sys/fs/cgroup/unified`")
    return set(found.values())


def _is_unified(hierarchy: Path) -> bool:
    return (hierarchy / "cgroup.controllers").exists()


def _unified() -> Path:
    return hierarchies()[0] / GROUP


def inside(name: str, argv: list[str]) -> list[str]:
    """Make the group ``name`` in every hierarchy, anew, and return the command that joins it and becomes ``argv``."""
    for hierarchy in hierarchies():
        _remove(hierarchy / GROUP / name)
        for group in (hierarchy / GROUP, hierarchy / GROUP / name):
            group.mkdir(exist_ok=True)
            _inherit(group)
    joins = " && ".join(f"echo $$ > {hierarchy / GROUP / name / 'cgroup.procs'}" for hierarchy in hierarchies())
    return ["sh", "-c", f'{joins} && exec "$@"', "sh", *argv]


def _inherit(group: Path) -> None:
    """Give a new group what its parent has: a cpuset (v1) starts empty, controllers (v2) start switched off."""
    for value in ("cpuset.cpus", "cpuset.mems"):
        if not _is_unified(group) and (group / value).exists() and not (group / value).read_text().strip():
            (group / value).write_text((group.parent / value).read_text())
    if _is_unified(group) and group.name == GROUP:
        for controller in (group / "cgroup.controllers").read_text().split():
            (group / "cgroup.subtree_control").write_text(f"+{controller}")


def processes(name: str) -> list[int]:
    """Ids of all processes in the group ``name`` and the groups below it."""
    found = []
    for procs in (_unified() / name).rglob("cgroup.procs"):
        with suppress(OSError):
            found += [int(pid) for pid in procs.read_text().split()]
    return found


def freeze(name: str) -> None:
    _set_frozen(name, True)


def thaw(name: str) -> None:
    _set_frozen(name, False)


def is_frozen(name: str) -> bool:
    try:
        return (_unified() / name / "cgroup.freeze").read_text().strip() == "1"
    except OSError:
        return False


def _set_frozen(name: str, frozen: bool) -> None:
    (_unified() / name / "cgroup.freeze").write_text(str(int(frozen)))
    events = _unified() / name / "cgroup.events"
    wanted = f"frozen {int(frozen)}"
    _wait(lambda: wanted in events.read_text(), f"{name} to be {'frozen' if frozen else 'thawed'}")


def wait_empty(name: str) -> None:
    """Wait until the last process of the group ``name`` is gone."""
    _wait(lambda: not processes(name), f"the processes of {name} to end")


def destroy() -> None:
    """Kill every process of every group and take the groups away."""
    if _unified().exists():
        (_unified() / "cgroup.kill").write_text("1")
        wait_empty("")
    for hierarchy in hierarchies():
        _remove(hierarchy / GROUP)


def exists() -> bool:
    return any((hierarchy / GROUP).exists() for hierarchy in hierarchies())


def _remove(group: Path) -> None:
    """Remove a group without processes and all groups below it. The kernel needs a moment after the last process."""

    def removed() -> bool:
        for folder, _, _ in os.walk(group, topdown=False):
            with suppress(OSError):
                Path(folder).rmdir()
        return not group.exists()

    _wait(removed, f"{group} to be removable")


def _wait(done: Callable[[], bool], what: str, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise LabError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(0.02)
