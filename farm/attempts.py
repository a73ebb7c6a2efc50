"""Attempts on their way: what was sent, what came back, and the errands that bring outputs and logs here."""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from farm import journal as record
from farm.board import Board, Line
from farm.errands import Errands
from farm.errors import PartsError, UnreachableError
from farm.events import Began, Done, Exited, Failed, Missed, Waits
from farm.job import Job
from farm.journal import Record, Task
from farm.link import Link
from farm.news import News
from farm.worker.protocol import ROOT, Message

_LAST = 300
"""Characters of a failed attempt's last line that its reason quotes."""


@dataclass
class _Attempt:
    mark: str
    link: Link
    epoch: int
    wall: float = 0.0
    killed: bool = False
    """By order, or as the run ends."""
    collecting: bool = False
    outcome: Mapping[str, Any] = field(default_factory=dict)


class Attempts:
    def __init__(
        self, job: Job, tasks: Mapping[str, Task], board: Board, tell: Callable[[News], None], errands: Errands
    ) -> None:
        self.job, self.tasks, self.board, self.tell, self.errands = job, tasks, board, tell, errands
        self._going: dict[tuple[str, int], _Attempt] = {}

    def record(self, name: str, number: int, link: Link, epoch: int) -> Record:
        """Note an attempt that is about to be sent."""
        mark = secrets.token_hex(8)
        self._going[name, number] = _Attempt(mark, link, epoch)
        return record.started(name, number, link.worker.name, mark, time.time())

    def send(self, name: str, number: int) -> None:
        task, attempt = self.tasks[name], self._going[name, number]
        attempt.link.send(
            {
                "t": "run",
                "task": name,
                "attempt": number,
                "mark": attempt.mark,
                "command": task.command,
                "timeout": task.timeout,
                "slots": attempt.link.worker.slots,
            },
            attempt.epoch,
        )
        self._line(attempt.link).running[name] = time.monotonic()

    def kill(self, name: str, number: int, reason: str, *, slow: bool) -> None:
        """Have an attempt killed, unless it has ended meanwhile; it is itself to blame only where it is ``slow``."""
        if attempt := self._going.get((name, number)):
            attempt.killed |= not slow
            attempt.link.send({"t": "kill", "task": name, "attempt": number, "reason": reason}, attempt.epoch)

    def wait(self, link: Link, message: Message) -> None:
        """An attempt waits for its slot on the worker, or does so no longer."""
        name, number = message["task"], message["attempt"]
        if (name, number) not in self._going:
            return
        line = self._line(link)
        if message["t"] == "waits":
            line.running.pop(name, None)
            line.waiting.add(name)
            self.tell(News(Waits(name, number)))
        else:
            line.waiting.discard(name)
            line.running[name] = time.monotonic()
            self.tell(News(Began(name, number)))

    def end(self, link: Link, receipt: Message) -> None:
        """An attempt has ended. Only the receipt with the mark that was given with the command counts."""
        name, number = receipt["task"], receipt["attempt"]
        attempt = self._going.get((name, number))
        if attempt is None or attempt.mark != receipt["mark"]:
            return
        line = self._line(link)
        line.running.pop(name, None)
        line.waiting.discard(name)
        reason = _failure(receipt, self.tasks[name].ok)
        killed = attempt.killed and bool(receipt["reason"])
        records = (record.ended(receipt, reason, time.time(), killed=killed),)
        attempt.wall = receipt["wall"]
        if reason:
            line.failed += not killed
            self.board.notes.append(f"task {name} {'killed' if killed else 'failed'} on {link.worker.name}: {reason}")
            del self._going[name, number]
            self.tell(News(Failed(name, number, f"{reason}, on {link.worker.name}"), records))
            self.errands.spawn(self._fetch_log, link, name, number)
        elif self.job.collect is None:
            self.tell(News(Done(name, number, attempt.wall), records, lambda: self._accepted(link, name, number)))
        else:
            attempt.collecting = True
            self.tell(News(Exited(name, number), records))
            self.errands.spawn(self._collect, link, name, number)

    def forget_lost(self, link: Link, epoch: int) -> None:
        """The connection is lost, and with it what went on there, but for outputs that are being collected."""
        for (task, number), attempt in list(self._going.items()):
            if attempt.link is link and attempt.epoch == epoch and not attempt.collecting:
                del self._going[task, number]
                self._line(link).running.pop(task, None)
                self._line(link).waiting.discard(task)

    def _line(self, link: Link) -> Line:
        return self.board.workers[link.worker.name]

    def _collect(self, link: Link, name: str, number: int) -> None:
        collect, attempt = self.job.collect, self._going[name, number]
        assert collect is not None
        try:
            result = collect(link.connection(), self.tasks[name], number)
        except PartsError as error:
            reason = f"its output was refused: {error}"
            self.board.notes.append(f"task {name} on {link.worker.name}: {reason}")
            del self._going[name, number]
            records = (record.collected(name, number, "refused", reason, None),)
            self.tell(News(Failed(name, number, reason), records))
            self.errands.spawn(self._fetch_log, link, name, number)
        except UnreachableError as error:
            del self._going[name, number]
            self.tell(News(Missed(name, number), (record.collected(name, number, "missed", str(error), None),)))
        else:
            attempt.outcome = result
            records = (record.collected(name, number, "accepted", None, result),)
            self.tell(News(Done(name, number, attempt.wall), records, lambda: self._accepted(link, name, number)))

    def _accepted(self, link: Link, name: str, number: int) -> None:
        """The journal has it: the worker's copy may go."""
        attempt = self._going.pop((name, number))
        self._line(link).done += 1
        for key, value in attempt.outcome.items():
            if isinstance(value, int):
                self.board.collected[key] = self.board.collected.get(key, 0) + value
        link.send({"t": "forget", "task": name, "attempt": number}, attempt.epoch)

    def _fetch_log(self, link: Link, name: str, number: int) -> None:
        target: Path = self.job.run.logs / f"{name}.{number}.log"
        epoch = link.epoch
        try:
            link.connection().fetch(f"{ROOT}/runs/{self.job.run.id}/{name}.{number}/log", target)
        except (UnreachableError, FileNotFoundError):
            return
        link.send({"t": "forget", "task": name, "attempt": number}, epoch)


def _failure(receipt: Message, ok: tuple[int, ...]) -> str | None:
    """Why an attempt failed, by its receipt; None where it ended well."""
    if receipt["code"] in ok and not receipt["reason"]:
        return None
    if receipt["reason"] or receipt["error"]:
        why = str(receipt["reason"] or receipt["error"])
    elif receipt["signal"]:
        why = f"killed by signal {receipt['signal']}"
    else:
        why = f"exit code {receipt['code']}"
    if receipt.get("lack"):
        why += f", {receipt['lack']}"
    last = (receipt.get("tail") or "").strip().rpartition("\n")[2][-_LAST:]
    return f"{why} ({last})" if last else why
