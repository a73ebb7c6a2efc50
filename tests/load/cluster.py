"""The lab's three Galera nodes as a cluster: whether it is whole, and bringing it back."""

import subprocess
import time
from pathlib import Path

from farm import lab
from farm.lab import cgroups

NODES = ("g1", "g2", "g3")
_ASK = "mariadb -BNe \"SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_local_state_comment', 'wsrep_cluster_size')\""


def states() -> list[str]:
    """What each node says of itself: ``Synced 3`` where all is well."""
    asked = [
        subprocess.Popen(
            lab.ssh_command(lab.find(node), _ASK), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        for node in NODES
    ]
    said = [process.communicate(timeout=20)[0].split() for process in asked]
    return [f"{each[1]} {each[3]}" if len(each) == 4 else "nothing" for each in said]


def await_whole(seconds: float = 90) -> None:
    """Return when all three nodes are synced with each other."""
    end = time.monotonic() + seconds
    while (found := states()) != ["Synced 3"] * len(NODES):
        assert time.monotonic() < end, f"the cluster is not whole: {dict(zip(NODES, found, strict=True))}"
        time.sleep(0.3)


def heal() -> None:
    """Take every fault back and wait until the cluster is whole."""
    lab.up()
    await_whole()


def slow(node: str, share: float | None) -> None:
    """Give a node no more than a share of one core, or (None) as much as there is."""
    for hierarchy in cgroups.hierarchies():
        group = hierarchy / cgroups.GROUP / node
        period = 20_000
        if (group / "cpu.max").exists():
            write(group / "cpu.max", f"{int(share * period)} {period}" if share else f"max {period}")
            return
        if (group / "cpu.cfs_quota_us").exists():
            write(group / "cpu.cfs_period_us", str(period))
            write(group / "cpu.cfs_quota_us", str(int(share * period)) if share else "-1")
            return
    raise AssertionError("this machine has no cgroup that limits the processor")


def write(path: Path, text: str) -> None:
    path.write_text(text)


def address(node: str) -> str:
    return lab.find(node).address
