"""``farm-agent``: the head's hands on a worker. One for each connection; it starts tasks, follows them, and ends them.

It holds a lease that the head beats: without a beat for the lease's seconds, at the end of its input, or on SIGTERM
it kills all that it started and ends. A run has one agent on a worker: a new one ends the old one first, and sweeps
what dead agents left.
"""

import argparse
import gc
import os
import select
import selectors
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from farm.worker import processes
from farm.worker.folders import Folders
from farm.worker.host import clock, hello, refusal, take_over
from farm.worker.lack import kills
from farm.worker.protocol import GRACE, LEASE, ROOT, Message, Receipt, decode, encode
from farm.worker.slots import Slot, Slots, Ticket
from farm.worker.supervisor import Job, fork, unfollowed

_LOOK = 0.05
"""Seconds between two looks for a slot that another run frees."""


@dataclass(frozen=True)
class _Waiting:
    job: Job
    slots: int
    ticket: Ticket


@dataclass
class _Running:
    job: Job
    slot: int
    reason: str | None = None
    """Why the head wanted it killed."""
    reported: bool = False
    forget: bool = False


class Agent:
    def __init__(self, run: str, env: str, root: Path, shared: Path | None, lease: float, grace: float) -> None:
        self.folders = Folders(root, shared, run)
        self.lease, self.grace = lease, grace
        self.supervisors: dict[int, _Running] = {}
        self.attempts: dict[tuple[str, int], int] = {}
        self.slots = Slots(root / "slots")
        self.waiting: dict[tuple[str, int], _Waiting] = {}
        self.beaten = clock()
        self.kills = kills()
        self.ending = self.stopped = False
        self.incoming = self.reports = b""
        self.outgoing = bytearray()
        self.inbox, self.report = os.pipe()
        self.woken, wake = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(self.woken, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._on_term)
        self.environ = dict(os.environ) | {
            "FARM_RUN": run,
            "FARM_ENV": env,
            "FARM_AGENT": processes.identity(os.getpid()) or "",
            "PATH": f"{Path(sys.prefix, 'bin')}:{os.environ.get('PATH', os.defpath)}",
        }

    def _on_term(self, _number: int, _frame: FrameType | None) -> None:
        self.ending = True

    def serve(self) -> None:
        """Work until the lease, the input or SIGTERM ends it; then leave no process behind."""
        processes.adopt_orphans()
        self.folders.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.lock = take_over(self.folders.root / "agent.lock")
        self.send(hello(processes.sweep()))
        self.folders.clear()
        for descriptor in (0, 1):
            os.set_blocking(descriptor, False)
        gc.freeze()
        self.beaten = clock()
        with selectors.PollSelector() as selector:
            for descriptor in (0, self.inbox, self.woken):
                selector.register(descriptor, selectors.EVENT_READ)
            while not self.ending:
                self._turn(selector)
        self._end_all()

    def _turn(self, selector: selectors.BaseSelector) -> None:
        writing = 1 in selector.get_map()
        if bool(self.outgoing) != writing:
            if writing:
                selector.unregister(1)
            else:
                selector.register(1, selectors.EVENT_WRITE)
        left = max(0.0, self.beaten + self.lease - clock())
        ready = {key.fd for key, _ in selector.select(min(left, _LOOK) if self.waiting else left)}
        # Before any input is read: beats that waited in the pipe of a frozen host are no beats.
        if clock() - self.beaten >= self.lease:
            self.ending = True
            return
        if 0 in ready:
            self._hear()
        if self.woken in ready:
            os.read(self.woken, 4096)
        if self.inbox in ready:
            self._take_reports()
        self._reap()
        self._start_waiting()
        self._flush()

    def _hear(self) -> None:
        try:
            data = os.read(0, 1 << 16)
        except ConnectionError:
            data = b""
        if not data:
            self.ending = True
            return
        self.beaten = clock()
        *lines, self.incoming = (self.incoming + data).split(b"\n")
        for line in lines:
            self._obey(decode(line))

    def _obey(self, message: Message) -> None:
        match message:
            case {"t": "beat", "n": n}:
                self.kills = kills()
                progress = self.folders.progress(self.attempts)
                self.send({"t": "beat", "n": n, "load": os.getloadavg()[0], "progress": progress})
            case {"t": "run"}:
                self._run(message)
            case {"t": "kill", "task": task, "attempt": attempt, "reason": reason}:
                if waiting := self.waiting.pop((task, attempt), None):
                    waiting.ticket.withdraw()
                    self.send(unfollowed(waiting.job, "it waited for a slot", reason))
                elif (pid := self.attempts.get((task, attempt))) is not None:
                    self.supervisors[pid].reason = reason
                    processes.kill(pid, signal.SIGTERM)
            case {"t": "forget", "task": task, "attempt": attempt}:
                if (pid := self.attempts.get((task, attempt))) is not None:
                    self.supervisors[pid].forget = True
                else:
                    self.folders.forget(task, attempt)
            case {"t": "stop"}:
                self.ending = self.stopped = True

    def _run(self, message: Message) -> None:
        """Start an attempt, or let it wait until the runs on this worker leave it a slot."""
        task, attempt = message["task"], message["attempt"]
        work = self.folders.work(task, attempt)
        job = Job(
            task=task,
            attempt=attempt,
            mark=message["mark"],
            command=message["command"],
            timeout=message["timeout"],
            work=work,
            out=self.folders.out(task, attempt),
            grace=self.grace,
            kills_before=self.kills,
        )
        try:
            if slot := self.slots.take(message["slots"]):
                self._start(job, slot)
                return
            ticket = self.slots.queue_up(message["slots"])
        except OSError as error:
            self.send(unfollowed(job, f"cannot take a slot: {error}"))
            return
        self.waiting[task, attempt] = _Waiting(job, message["slots"], ticket)
        self.send({"t": "waits", "task": task, "attempt": attempt})

    def _start_waiting(self) -> None:
        for key, waiting in list(self.waiting.items()):
            if (slot := self.slots.take(waiting.slots, waiting.ticket)) is None:
                return
            waiting.ticket.withdraw()
            del self.waiting[key]
            self.send({"t": "began", "task": waiting.job.task, "attempt": waiting.job.attempt})
            self._start(waiting.job, slot)

    def _start(self, job: Job, slot: Slot) -> None:
        environ = self.environ | {
            "FARM_TASK": job.task,
            "FARM_SLOT": str(slot.number),
            "FARM_ATTEMPT": str(job.attempt),
            "FARM_OUT": str(job.out),
            "FARM_PROGRESS": str(job.work / "progress.json"),
        }
        try:
            pid = fork(job, environ, self.report, slot.lock, (self.lock,))
        except OSError as error:
            self.send(unfollowed(job, f"cannot start the command: {error}"))
            return
        finally:
            os.close(slot.lock)
        self.supervisors[pid] = _Running(job, slot.number)
        self.attempts[job.task, job.attempt] = pid

    def _take_reports(self) -> None:
        *lines, self.reports = (self.reports + os.read(self.inbox, 1 << 16)).split(b"\n")
        for line in lines:
            receipt = decode(line)
            running = self.supervisors[self.attempts[receipt["task"], receipt["attempt"]]]
            running.reported = True
            self._report(receipt, running)

    def _report(self, receipt: Message | Receipt, running: _Running) -> None:
        if receipt["reason"] == "killed":
            receipt["reason"] = running.reason or "killed"
        if receipt["code"] != 0:
            receipt["tail"] = self.folders.tail(running.job.task, running.job.attempt)
        receipt["slot"] = running.slot
        self.send(receipt)

    def _reap(self) -> None:
        ended = processes.reap()
        if any(pid in self.supervisors for pid, _ in ended):
            self._drain_reports()
        for pid, status in ended:
            if (running := self.supervisors.pop(pid, None)) is None:
                continue
            if not running.reported:
                self._end_strays()
                why = f"its supervisor ended with wait status {status}: killed, or out of memory"
                self._report(unfollowed(running.job, why), running)
            del self.attempts[running.job.task, running.job.attempt]
            if running.forget:
                self.folders.forget(running.job.task, running.job.attempt)

    def _drain_reports(self) -> None:
        """Take what supervisors wrote before they ended."""
        while select.select([self.inbox], [], [], 0)[0]:
            self._take_reports()

    def _end_strays(self) -> None:
        """Kill what a supervisor left that was killed itself: children of the agent that supervise nothing."""
        while strays := [pid for pid in processes.children(os.getpid()) if pid not in self.supervisors]:
            for stray in strays:
                for pid in (stray, *processes.descendants(stray)):
                    processes.kill(pid, signal.SIGKILL)
                try:
                    os.waitpid(stray, 0)
                except ChildProcessError:
                    continue

    def _end_all(self) -> None:
        """SIGTERM to every supervisor, which ends its task; after that, SIGKILL to whatever is left."""
        for pid in self.supervisors:
            processes.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + self.grace + 1
        while processes.has_children() and time.monotonic() < deadline:
            processes.reap()
            time.sleep(0.01)
        processes.end_descendants(0)
        for running in self.supervisors.values():
            if running.forget:
                self.folders.forget(running.job.task, running.job.attempt)
        if self.stopped:
            (self.folders.root / "agent.lock").unlink(missing_ok=True)
            self.folders.leave()

    def send(self, message: Message | Receipt) -> None:
        self.outgoing += encode(message)

    def _flush(self) -> None:
        try:
            while self.outgoing:
                del self.outgoing[: os.write(1, self.outgoing)]
        except BlockingIOError:
            return
        except ConnectionError:
            self.ending = True


def main() -> None:
    parser = argparse.ArgumentParser(prog="farm-agent", description="Starts a head's tasks on this worker.")
    parser.add_argument("--run", required=True)
    parser.add_argument("--env", required=True)
    parser.add_argument("--root", type=Path, default=Path(ROOT), help="folder of the runs on this worker")
    parser.add_argument("--shared", type=Path, help="folder that the head shares, for output")
    parser.add_argument("--lease", type=float, default=LEASE, help="seconds without a beat until all is killed")
    parser.add_argument("--grace", type=float, default=GRACE, help="seconds between SIGTERM and SIGKILL")
    given = parser.parse_args()
    if why := refusal():
        sys.stdout.write(encode({"t": "refused", "why": why}).decode())
        sys.stdout.flush()
        sys.exit(f"farm-agent: {why}")
    try:
        Agent(given.run, given.env, given.root, given.shared, given.lease, given.grace).serve()
    except OSError as error:
        sys.exit(f"farm-agent: {error}")


if __name__ == "__main__":
    main()
