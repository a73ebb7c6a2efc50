"""How a load behaves beside other writers: what all nodes say in, whether to go on and how large the next chunk is out.

Pure. A chunk that is applied delays every commit that comes after it in the cluster's order, at each node by the time
that this node needs, and takes processors from them. So beside other writers chunks are as small as it takes to be
done, at the slowest node too, within ``GENTLE_SECONDS``, and rests are ``REST`` times as long; alone, a chunk takes
``EAGER_SECONDS``.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

FEWEST, MOST = 10, 5_000
"""Rows of a chunk."""
GENTLE_SECONDS, EAGER_SECONDS = 0.006, 0.5
REST = 48.0
"""Beside other writers: seconds of rest for each second of a chunk."""
SLOW_SECONDS = 0.2
PATIENCE = 60.0
"""Seconds after which a pause is no longer waited out: one slow chunk at a time then goes on."""
_WINDOW = 3.0
_OTHERS = 2.0
"""So many commits of others a second make the load gentle."""


@dataclass(frozen=True)
class Sample:
    """What a node said of itself."""

    at: float
    """Seconds of a monotonic clock."""
    state: str
    """wsrep_local_state_comment: Synced, Donor/Desynced, Joined, ..."""
    primary: bool
    """Whether it is in a component with quorum."""
    queue: int
    """Write-sets that it has received and not applied."""
    limit: int
    """gcs.fc_limit: from so many on (times the square root of the nodes' number) it stops the whole cluster."""
    paused_ns: int
    """For how long flow control has stopped it, since it started."""
    sent: int
    """How many times it has asked the cluster to stop, since it started."""
    committed: int
    """Sequence number of the last write-set."""


class Action(Enum):
    GO = "go on"
    SLOW = "slow down"
    PAUSE = "pause"
    STOP = "stop"
    """No node has quorum: nothing can be written."""


@dataclass(frozen=True)
class Verdict:
    action: Action
    why: str = ""


def judge(before: Mapping[str, Sample], now: Mapping[str, Sample]) -> Verdict:
    """What the load must do; nodes by address, each at its last two samples. A node that is gone is in neither.

    Others are not waited for: where the rest has quorum, a node that does not answer stops nothing.
    """
    if not now:
        return Verdict(Action.PAUSE, "no node says how it is")
    if not any(each.primary for each in now.values()):
        return Verdict(Action.STOP, f"no quorum: {', '.join(now)} cannot see the other nodes")
    living = {address: each for address, each in now.items() if each.primary}
    for address, each in living.items():
        if each.state != "Synced":
            return Verdict(Action.PAUSE, f"{address} is not synced ({each.state})")
        last = before.get(address, each)
        if each.sent > last.sent or each.paused_ns - last.paused_ns > 0.01e9 * max(each.at - last.at, 0.1):
            return Verdict(Action.PAUSE, f"flow control is engaged (seen at {address})")
    address, worst = max(living.items(), key=lambda item: item[1].queue / item[1].limit)
    told = f"{address} has {worst.queue} write-sets waiting, and stops the cluster from {worst.limit} on"
    if worst.queue * 4 > worst.limit:
        return Verdict(Action.PAUSE, told)
    return Verdict(Action.SLOW, told) if worst.queue * 8 > worst.limit else Verdict(Action.GO)


@dataclass
class Others:
    """Whether anybody else writes: commits of the cluster less our own."""

    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def see(self, at: float, committed: int, own: int) -> None:
        """Take note of the cluster's last sequence number, and of how many commits were our own so far."""
        others = committed - own
        if self._seen and others < self._seen[-1][1] - 1_000:
            self._seen.clear()  # another cluster's numbers
        self._seen.append((at, others))
        while at - self._seen[0][0] > _WINDOW:
            self._seen.popleft()

    @property
    def rate(self) -> float:
        """Commits of others a second, over the last seconds; infinite while nothing is known."""
        if len(self._seen) < 2:
            return float("inf")
        (begun, first), (ended, last) = self._seen[0], self._seen[-1]
        return (last - first) / max(ended - begun, 1e-3)

    @property
    def there(self) -> bool:
        return self.rate >= _OTHERS


@dataclass
class Pace:
    """Rows of the next chunk, and the rest after each one."""

    max_rate: float | None = None
    """Rows a second, at most."""
    rows: int = 100

    def least(self) -> None:
        """The smallest chunk next."""
        self.rows = FEWEST

    def after(self, rows: int, seconds: float, applied: float, gentle: bool) -> float:
        """Seconds to rest after a chunk of ``rows`` that took ``seconds``, and its commit ``applied`` at all nodes."""
        busy, wanted = (max(seconds, applied), GENTLE_SECONDS) if gentle else (seconds, EAGER_SECONDS)
        factor = min(max(wanted / max(busy, 1e-6), 0.5), 1.5 if gentle else 4.0)
        if rows >= self.rows:
            self.rows = int(min(max(rows * factor + 0.5, FEWEST), MOST))
        rest = REST * busy if gentle else 0.0
        if self.max_rate:
            self.rows = max(1, min(self.rows, int(self.max_rate / 2)))
            rest = max(rest, rows / self.max_rate - seconds)
        return rest
