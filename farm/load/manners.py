"""How the load behaves towards the cluster that it is a guest of: a call a chunk, and connections that are waited for.

``pacing`` decides; this samples the nodes (``watch``), sleeps, and says so on standard error.
"""

import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Lock
from types import TracebackType
from typing import Self

from farm.errors import GaleraError
from farm.galera import Account, Node, NoNodeError, connect, connect_besides
from farm.load.pacing import PATIENCE, SLOW_SECONDS, Action, Others, Pace, Verdict, judge
from farm.load.watch import ANSWER_SECONDS, EAGER_INTERVAL, GENTLE_INTERVAL, Watcher, written

QUORUM_SECONDS = 600.0
"""For so long a load that has begun waits for nodes, or for their quorum, to come back."""
SILENT_SECONDS = 8.0
"""A node that said nothing for so long is left, where another one has quorum without it."""
_LOOK_SECONDS = 0.1
_TOLD_SECONDS = 2.0
"""A wait that is longer is told."""
_IMPATIENT_SECONDS = 1.0
"""What is waited for each chunk where a pause has lasted for too long."""


class Manners:
    """Used as a context: within it all nodes are sampled."""

    def __init__(self, account: Account, max_rate: float | None, say: Callable[[str], None]) -> None:
        """``max_rate``: rows a second at most; ``say`` gets a sentence where the operator should know."""
        self.paused = 0.0
        """Seconds that the load has waited for the cluster."""
        self.rested = 0.0
        """Seconds that it has left to other writers, or to its greatest rate."""
        self._account, self._say = account, say
        self._pace, self._others = Pace(max_rate), Others()
        self._lock = Lock()
        self._watchers = [Watcher(account, address, self._see) for address in account.hosts]
        self._nodes: tuple[Node, ...] = ()
        self._gtid, self._own = "", 0
        self._impatient = False
        self._gone: frozenset[Watcher] = frozenset()

    def __enter__(self) -> Self:
        for watcher in self._watchers:
            watcher.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        for watcher in self._watchers:
            watcher.end()
        for watcher in self._watchers:
            watcher.join()

    @property
    def rows(self) -> int:
        """How many rows the next chunk should have."""
        return self._pace.rows

    @property
    def gentle(self) -> bool:
        """Whether somebody else writes to the cluster, as far as is known."""
        with self._lock:
            return self._others.there

    def connect(self, besides: str | None = None) -> Node:
        """A node to write to, other than ``besides``.

        A load that had one waits for the next one, or for quorum; at first nobody is waited for.

        Raises NoNodeError where there is none.
        """
        begun, told, waits = time.monotonic(), False, bool(self._nodes)
        while True:
            try:
                node = connect_besides(self._account, besides, 1)[0] if besides else connect(self._account)
            except NoNodeError as error:
                waited = time.monotonic() - begun
                if not waits or waited > QUORUM_SECONDS:
                    raise
                if not told:
                    self._say(f"{error}. Waiting for them, up to {QUORUM_SECONDS:.0f} s")
                    told = True
                time.sleep(_IMPATIENT_SECONDS)
            else:
                self.paused += time.monotonic() - begun
                self._nodes, self._gtid = (node,), written(node)
                return node

    def beside(self, node: Node) -> Node:
        """Another connection to ``node``, which ``connect`` gave. Raises NodeLostError."""
        other = Node(self._account, node.address)
        self._nodes = (node, other)
        return other

    def pace(self, node: Node, rows: int, seconds: float) -> None:
        """After each chunk: ``rows`` that took ``seconds`` with their commit. Returns when the next one may begin.

        Raises GaleraError where the nodes do not get back their quorum, NodeLostError where the node is lost.
        """
        gentle = self.gentle
        for watcher in self._watchers:
            watcher.interval = GENTLE_INTERVAL if gentle else EAGER_INTERVAL
        rest = self._pace.after(rows, seconds, self._applied(node, gentle), gentle)
        if rest > 0:
            self.rested += rest
            time.sleep(rest)
        self._await_leave()

    def _applied(self, node: Node, gentle: bool) -> float:
        """Seconds from the chunk's commit until every node had applied it, for as long as others write; else 0."""
        gtid = written(node)
        if gtid == self._gtid:
            return 0.0
        with self._lock:
            self._gtid, self._own = gtid, self._own + 1
        if not gentle:
            return 0.0
        answers: SimpleQueue[float] = SimpleQueue()
        asked = [each for each in self._watchers if each.now and each.address != node.address]
        for watcher in asked:
            watcher.applied(gtid, answers)
        last = time.monotonic()
        for _ in asked:
            try:
                last = max(last, answers.get(timeout=ANSWER_SECONDS))
            except Empty:
                return ANSWER_SECONDS
        return last - node.committing

    def _await_leave(self) -> None:
        """Return when the cluster is well enough for another chunk."""
        begun, told = time.monotonic(), False
        while (verdict := self._verdict()).action in (Action.PAUSE, Action.STOP):
            waited = time.monotonic() - begun
            if verdict.action is Action.STOP and waited > QUORUM_SECONDS:
                raise GaleraError(
                    f"{verdict.why}, since {waited:.0f} s. What was merged stays: heal the cluster, run this again"
                )
            if verdict.action is Action.PAUSE and waited > (_IMPATIENT_SECONDS if self._impatient else PATIENCE):
                if not self._impatient:
                    self._say(f"{verdict.why}, for {waited:.0f} s: going on with a small chunk a second")
                self._impatient = True
                self._pace.least()
                self.paused += waited
                return
            if not told and waited > _TOLD_SECONDS and not self._impatient:
                self._say(f"{verdict.why}: waiting")
                told = True
            time.sleep(_LOOK_SECONDS)
        if verdict.action is Action.SLOW:
            time.sleep(SLOW_SECONDS)
        if told or self._impatient:
            self._say("the cluster is well again: going on")
        self._impatient = False
        self.paused += time.monotonic() - begun

    def _verdict(self) -> Verdict:
        self._tell_gone()
        known = [each for each in self._watchers if each.now]
        before = {each.address: each.before for each in known if each.before}
        return judge(before, {each.address: each.now for each in known if each.now})

    def _tell_gone(self) -> None:
        now = time.monotonic()
        gone = {each for each in self._watchers if not each.now and now - each.answered > ANSWER_SECONDS}
        for watcher in gone - self._gone:
            self._say(f"{watcher.wrong}: not waiting for it")
        for watcher in self._gone - gone:
            self._say(f"{watcher.address} answers again")
        self._gone = frozenset(gone)

    def _see(self, watcher: Watcher) -> None:
        """In a watcher's thread, after each look at its node."""
        nodes = self._nodes
        if not nodes or nodes[0].address != watcher.address:
            return
        if watcher.now:
            with self._lock:
                self._others.see(watcher.now.at, watcher.now.committed, self._own)
        elif time.monotonic() - watcher.answered > SILENT_SECONDS and any(
            each.now and each.now.primary for each in self._watchers
        ):
            for node in nodes:
                node.abort()
