"""All nodes, watched while a load goes on: a thread and a connection each, with timeouts of their own."""

import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event, Thread

from farm.errors import GaleraError
from farm.galera import Account, ConflictError, Node
from farm.load.pacing import Sample

EAGER_INTERVAL, GENTLE_INTERVAL = 0.2, 1.0
"""Seconds between two samples of a node; beside other writers they too are felt, and chunks are rarer."""
ANSWER_SECONDS = 3
_AGAIN = 1.0
_STATUS = (
    "SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_local_state_comment', 'wsrep_cluster_status',"
    " 'wsrep_local_recv_queue', 'wsrep_flow_control_paused_ns', 'wsrep_flow_control_sent', 'wsrep_last_committed')"
)
_OPTIONS = "SHOW GLOBAL VARIABLES LIKE 'wsrep_provider_options'"
_WRITTEN = "SELECT WSREP_LAST_WRITTEN_GTID()"
_APPLIED = "SELECT WSREP_SYNC_WAIT_UPTO_GTID(%s, 1)"
_LIMIT = 16
"""gcs.fc_limit where the node does not tell."""


def limit(options: str) -> int:
    """gcs.fc_limit of a node's wsrep_provider_options."""
    pairs = (option.partition("=") for option in options.split(";"))
    return next((int(value) for name, _, value in pairs if name.strip() == "gcs.fc_limit"), _LIMIT)


def written(node: Node) -> str:
    """The GTID of the last commit of a connection, which the server says in bytes."""
    return bytes(node.rows(_WRITTEN)[0][0]).decode()


class Watcher:
    """One node's thread: samples it, and tells when it has applied a commit."""

    def __init__(self, account: Account, address: str, seen: Callable[["Watcher"], None]) -> None:
        """``seen`` is called in the thread after each look at the node, whether or not it answered."""
        self.address = address
        self.before: Sample | None = None
        self.now: Sample | None = None
        """None while the node does not answer."""
        self.answered = time.monotonic()
        self.wrong = ""
        """Why it does not."""
        self.interval = EAGER_INTERVAL
        self._account, self._seen = account, seen
        self._asked: SimpleQueue[tuple[str, SimpleQueue[float]]] = SimpleQueue()
        self._ended = Event()
        self._thread = Thread(target=self._run, name=f"watch {address}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ended.set()

    def join(self) -> None:
        self._thread.join(2 * ANSWER_SECONDS)

    def applied(self, gtid: str, answer: "SimpleQueue[float]") -> None:
        """Ask for the time at which the node has applied ``gtid``; a second later it answers in any case."""
        self._asked.put((gtid, answer))

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                with Node(self._account, self.address, ANSWER_SECONDS, any_state=True) as node:
                    self._watch(node, limit(str(node.rows(_OPTIONS)[0][1])))
            except GaleraError as error:
                self.before, self.now, self.wrong = None, None, str(error)
                self._seen(self)
                self._ended.wait(_AGAIN)

    def _watch(self, node: Node, most: int) -> None:
        due = 0.0
        while not self._ended.is_set():
            if time.monotonic() >= due:
                self._sample(node, most)
                due = self.answered + self.interval
            try:
                gtid, answer = self._asked.get(timeout=max(due - time.monotonic(), 0.001))
            except Empty:
                continue
            try:
                with suppress(ConflictError):  # not within a second: the samples tell
                    node.rows(_APPLIED, (gtid,))
            finally:
                answer.put(time.monotonic())

    def _sample(self, node: Node, most: int) -> None:
        said = {str(name): str(value) for name, value in node.rows(_STATUS)}
        self.answered = time.monotonic()
        self.before, self.now = (
            self.now,
            Sample(
                at=self.answered,
                state=said["wsrep_local_state_comment"],
                primary=said["wsrep_cluster_status"] == "Primary",
                queue=int(said["wsrep_local_recv_queue"]),
                limit=most,
                paused_ns=int(said["wsrep_flow_control_paused_ns"]),
                sent=int(said["wsrep_flow_control_sent"]),
                committed=int(said["wsrep_last_committed"]),
            ),
        )
        self._seen(self)
