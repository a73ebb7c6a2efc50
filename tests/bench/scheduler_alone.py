"""The scheduler without anything around it: ``scheduler_alone.py TASKS WORKERS`` prints seconds and peak memory."""

import json
import resource
import sys
import time
from collections import deque

from farm.events import Done, Exited, Start, Up
from farm.scheduler import Scheduler

SLOTS = 32


def main(tasks: int, workers: int) -> None:
    begun = time.perf_counter()
    scheduler = Scheduler()
    for number in range(tasks):
        scheduler.submit(f"t{number:07d}")
    todo = deque(action for number in range(workers) for action in scheduler.handle(Up(f"w{number}", SLOTS), 0))
    while todo:
        action = todo.popleft()
        if isinstance(action, Start):
            todo += scheduler.handle(Exited(action.task, action.attempt), 0)
            todo += scheduler.handle(Done(action.task, action.attempt), 0)
    assert scheduler.ended
    told = {"tasks": tasks, "workers": workers, "slots_a_worker": SLOTS}
    told |= {"seconds": round(time.perf_counter() - begun, 1)}
    told |= {"peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
