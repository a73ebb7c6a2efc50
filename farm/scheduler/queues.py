"""Tasks that wait: lost ones come first, then failed ones, then those not yet tried. Pure."""

from collections import deque
from collections.abc import Container, Iterator


class Queues:
    def __init__(self) -> None:
        self._first: deque[str] = deque()
        self._failed: dict[str, deque[str]] = {}
        """By the worker that failed them; no deque is empty."""
        self._fresh: deque[str] = deque()

    def add(self, task: str) -> None:
        """One that was not tried yet."""
        self._fresh.append(task)

    def put_first(self, task: str) -> None:
        self._first.append(task)

    def retry(self, task: str, failer: str) -> None:
        self._failed.setdefault(failer, deque()).append(task)

    def next(self, worker: str, *, alone: bool) -> str | None:
        """Take the task that a worker is to do: none that failed there, unless it is ``alone``."""
        if self._first:
            return self._first.popleft()
        for failer, queue in self._failed.items():
            if failer != worker or alone:
                task = queue.popleft()
                if not queue:
                    del self._failed[failer]
                return task
        return self._fresh.popleft() if self._fresh else None

    def failed_on(self, worker: str) -> bool:
        return worker in self._failed

    def remove(self, tasks: Container[str]) -> None:
        self._first = _without(self._first, tasks)
        self._fresh = _without(self._fresh, tasks)
        kept = {failer: _without(queue, tasks) for failer, queue in self._failed.items()}
        self._failed = {failer: queue for failer, queue in kept.items() if queue}

    def clear(self) -> Iterator[str]:
        """Take all."""
        for queue in (self._first, *self._failed.values(), self._fresh):
            while queue:
                yield queue.popleft()
        self._failed.clear()


def _without(queue: deque[str], tasks: Container[str]) -> deque[str]:
    return deque(task for task in queue if task not in tasks)
