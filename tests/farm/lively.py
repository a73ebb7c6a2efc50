"""A real run on agents of this machine with all that a report can tell: failures with logs, and a worker that dies."""

import time
from collections.abc import Callable
from pathlib import Path

import gevent
from local import LocalTransport, host, tasks_running

from farm import runs
from farm.job import Job
from farm.journal import Journal, Task
from farm.link import Worker
from farm.runner import Runner
from farm.runs import Run

HOSTILE = "<script>alert('x')</script>"
WORKERS = ("w1", "w2", "w3")


def tasks(number: int, words: str = HOSTILE) -> list[Task]:
    """Every twelfth fails for good, every ninth at first; ``words`` stand in what they are and say."""
    made = []
    for at in range(number):
        if at % 12 == 5:
            line = f"echo '{words.replace(chr(39), '')} no light curve' >&2; sleep 0.05; exit 3  # {words}"
        elif at % 9 == 4:
            line = 'sleep 0.1; if [ $FARM_ATTEMPT = 1 ]; then echo "out of luck" >&2; exit 4; fi'
        else:
            line = f"sleep {0.1 + 0.05 * (at % 7)}"
        made.append(Task(f"r{at:03}", line))
    return made


def lively(
    folder: Path, number: int = 60, meanwhile: Callable[[Run], None] = lambda _run: None, words: str = HOSTILE
) -> Run:
    """Make such a run to its end; ``meanwhile`` is called when it has well begun, in a greenlet of its own."""
    run = runs.create("lab", "run")
    meta = {
        "environment": "lab", "inventory": "ab" * 32, "argv": ["farm", "run", words], "release": "cd" * 32,
        "workers": dict.fromkeys(WORKERS, 2), "begun": time.time(), "by": "ada@head", "tries": 2,
    }  # fmt: skip
    journal = Journal.create(run.journal, meta, tasks(number, words))
    transport = LocalTransport(folder / "hosts")
    for name in WORKERS:
        (transport.root / name).mkdir(parents=True)
    job = Job(run, [Worker(host(name), 2) for name in WORKERS], transport.agent(run.id), transport, "test", tries=2)
    runner = Runner(job, journal)

    def strike() -> None:
        while len(tasks_running(transport.root / "w2")) < 2:
            gevent.sleep(0.02)
        transport.kill("w2")
        meanwhile(run)

    gevent.spawn(strike)
    try:
        with run.locked(), gevent.Timeout(60):
            runner.execute()
    finally:
        journal.close()
    return run
