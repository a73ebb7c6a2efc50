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


_JOIN = """
for group in $0; do
    for try in 1 2 3 4 5 6 7 8 9 10; do
        find $group -depth -type d -exec rmdir {} + 2> /dev/null
        test -e $group || break
        sleep 0.1
    done
    mkdir $group && echo $$ > $group/cgroup.procs || exit 1
done
exec "$@"
"""
"""Take away what an earlier life left of the groups ``$0``, make them anew, join them and become the command."""


def inside(name: str, argv: list[str]) -> list[str]:
    """The command that joins the group ``name`` in every hierarchy, made anew, and becomes ``argv``.

    It fails where processes are left in that group.
    """
    for hierarchy in hierarchies():
        make(hierarchy / GROUP)
    return ["sh", "-c", _JOIN, " ".join(str(hierarchy / GROUP / name) for hierarchy in hierarchies()), *argv]


def make(group: Path) -> None:
    """Make a group where there is none, with what its parent has, and let those below it have that too.

    Otherwise a cpuset (v1) would start empty, and controllers (v2) switched off.
    """
    group.mkdir(exist_ok=True)
    if (group / "cpuset.cpus").exists() and not _is_unified(group):
        for value in ("cpuset.cpus", "cpuset.mems"):
            (group / value).write_text((group.parent / value).read_text())
        (group / "cgroup.clone_children").write_text("1")
    if _is_unified(group):
        for controller in (group / "cgroup.controllers").read_text().split():
            (group / "cgroup.subtree_control").write_text(f"+{controller}")


def processes(name: str) -> list[int]:
    """Ids of all processes in the group ``name`` and the groups below it, which come and go meanwhile."""
    found = []
    for folder, _, _ in os.walk(_unified() / name):
        with suppress(OSError):
            found += [int(pid) for pid in Path(folder, "cgroup.procs").read_text().split()]
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
        remove(hierarchy / GROUP)


def exists() -> bool:
    return any((hierarchy / GROUP).exists() for hierarchy in hierarchies())


def remove(group: Path) -> None:
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
