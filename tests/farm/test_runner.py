"""Runs over real agents of this machine: what is recorded, what is sent, and what happens when workers go."""

import json
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import gevent
import pytest
from local import LocalTransport, host, tasks_running

from farm import journal as record
from farm import link, runs
from farm.commands import FileCollector
from farm.errors import LockedError, PartsError, UnreachableError
from farm.events import Cancel, State
from farm.job import Collector, Job
from farm.journal import Journal, Task
from farm.link import Worker
from farm.news import News
from farm.runner import Runner
from farm.runs import Run
from farm.scheduler import Halt, workers
from farm.summary import Summary, summarise
from farm.transport import Session
from farm.worker.protocol import ROOT
from farm.worker.slots import Slots

WORKERS = ("a", "b", "c")


class Farm:
    """Three workers of two slots each."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "hosts"
        self.transport = LocalTransport(self.root)
        self.run: Run = runs.create("test", "busy")
        self.runner: Runner
        self.agent = ""
        """The command that starts an agent, where it is not the real one."""

    def make(self, tasks: list[Task], collect: Collector | None = None, **options: Any) -> "Farm":
        self.journal = Journal.create(self.run.journal, {"environment": "test"}, tasks)
        return self.head(collect, **options)

    def head(self, collect: Collector | None = None, patience: float = 60, **options: Any) -> "Farm":
        """A head that goes on with what the journal has."""
        workers = [Worker(host(name), 2) for name in WORKERS]
        agent = self.agent or self.transport.agent(self.run.id)
        job = Job(self.run, workers, agent, self.transport, "test", collect, patience, **options)
        self.runner = Runner(job, self.journal)
        return self

    def go(self) -> Summary:
        with gevent.Timeout(60):
            self.runner.execute()
        return summarise(self.run, self.journal)

    def when(self, condition: Callable[[], bool], then: Callable[[], None]) -> None:
        """Do something during the run, once the condition holds."""

        def wait() -> None:
            while not condition():
                gevent.sleep(0.02)
            then()

        gevent.spawn(wait)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(self.run.journal) as db:
            found = db.execute(query).fetchall()
        db.close()
        return found

    def started(self, number: int) -> Callable[[], bool]:
        """Whether so many tasks run."""
        return lambda: len(tasks_running(self.root)) >= number


@pytest.fixture
def farm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Farm]:
    monkeypatch.setenv("FARM_HOME", str(tmp_path / "home"))
    made = Farm(tmp_path)
    yield made
    made.journal.close()
    assert not tasks_running(made.root), "no process of a task is left on any worker"


def sleeps(number: int, seconds: float = 0.05) -> list[Task]:
    return [Task(f"t{each}", f"sleep {seconds}") for each in range(number)]


def require_balance(summary: Summary) -> None:
    assert summary.submitted == summary.done + summary.failed + summary.held + summary.cancelled


def test_every_task_is_done_once_and_the_workers_are_left_clean(farm: Farm) -> None:
    summary = farm.make(sleeps(40)).go()
    assert (summary.submitted, summary.done) == (40, 40)
    assert sum(share.done for share in summary.workers.values()) == 40
    assert all(share.done for share in summary.workers.values())
    assert farm.rows("SELECT count(*), count(DISTINCT task) FROM attempts") == [(40, 40)]
    assert not [path for path in farm.root.glob("*/runs/*") if path.exists()]


def test_an_attempt_is_in_the_journal_before_its_command_is_sent(farm: Farm) -> None:
    unrecorded = []

    def check(name: str, data: bytes) -> None:
        message = json.loads(data)
        if message["t"] == "run":
            found = farm.rows(f"SELECT worker, mark FROM attempts WHERE task = '{message['task']}'")
            if (name, message["mark"]) not in found:
                unrecorded.append(message["task"])

    farm.transport.on_send = check
    assert farm.make(sleeps(20)).go().done == 20
    assert unrecorded == []


def test_a_task_that_always_fails_is_held_and_its_logs_are_fetched(farm: Farm) -> None:
    summary = farm.make([*sleeps(40), Task("bad", "echo to the log; exit 9")]).go()
    assert (summary.done, summary.held) == (40, 1)
    ((task, state, reason),) = summary.troubles
    assert (task, state) == ("bad", State.HELD)
    assert "exit code 9" in reason
    assert [farm.run.logs.joinpath(f"bad.{number}.log").read_text() for number in (1, 2, 3)] == ["to the log\n"] * 3
    assert len({worker for (worker,) in farm.rows("SELECT worker FROM attempts WHERE task = 'bad'")}) >= 2


def test_exit_codes_that_the_task_calls_good_are_good(farm: Farm) -> None:
    summary = farm.make([Task("t", "exit 31", ok=(0, 31))]).go()
    assert summary.done == 1


def test_a_killed_agent_loses_no_task(farm: Farm) -> None:
    farm.make(sleeps(18, 0.3))
    farm.when(farm.started(6), lambda: farm.transport.kill("a"))
    summary = farm.go()
    assert summary.done == 18
    assert farm.rows("SELECT count(*) FROM attempts WHERE worker = 'a' AND state = 'lost'")[0][0] >= 1
    assert farm.rows("SELECT count(*) FROM tasks WHERE accepted IS NULL") == [(0,)]


def test_a_worker_that_is_cut_off_is_noticed_and_its_tasks_run_elsewhere_after_its_lease(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"NOTICE": 1.3, "LEASE": 2.0, "GRACE": 0.3, "MARGIN": 0.2}.items():
        monkeypatch.setattr(link, name, value)
    farm.transport.lease = 2
    farm.make(sleeps(6, 1.5))

    def cut() -> None:
        farm.transport.cut("b")
        farm.transport.down.add("b")

    farm.when(farm.started(6), cut)
    summary = farm.go()
    assert summary.done == 6
    ((detail,),) = farm.rows("SELECT detail FROM events WHERE worker = 'b' AND what = 'lost'")
    assert "silent" in detail
    given_away = farm.rows(
        "SELECT min(new.started - old.started) FROM attempts old JOIN attempts new USING (task)"
        " WHERE old.worker = 'b' AND new.attempt = old.attempt + 1"
    )[0][0]
    assert given_away > 2, "not before the lease has ended"


def test_an_interrupt_drains_the_run(farm: Farm) -> None:
    farm.make(sleeps(40, 0.3))
    farm.when(farm.started(6), lambda: farm.runner.interrupt())
    summary = farm.go()
    require_balance(summary)
    assert summary.interrupted
    assert summary.done >= 6
    assert summary.cancelled >= 20
    assert farm.rows("SELECT count(*) FROM attempts WHERE state != 'exited'") == [(0,)]


def test_a_second_interrupt_kills_what_runs(farm: Farm) -> None:
    farm.make(sleeps(12, 600))

    def twice() -> None:
        farm.runner.interrupt()
        farm.runner.interrupt()

    farm.when(farm.started(6), twice)
    summary = farm.go()
    require_balance(summary)
    assert (summary.done, summary.cancelled) == (0, 12)


def test_a_run_that_is_halted_soon_ends_what_runs_and_the_next_head_goes_on(farm: Farm) -> None:
    tasks = [*sleeps(5, 0.3), Task("bad", "exit 1"), *(Task(f"u{each}", "sleep 0.3") for each in range(12))]
    summary = farm.make(tasks, tries=1, halt=Halt(now=False, fail=1, percent=False)).go()
    require_balance(summary)
    assert (summary.held, summary.interrupted) == (1, False)
    assert summary.cancelled > 0
    assert farm.rows("SELECT DISTINCT reason FROM tasks WHERE state = 'cancelled'") == [
        ("halted: a task failed (soon,fail=1)",)
    ]
    assert farm.head().go().done == 17


def test_what_waits_for_slots_that_another_run_has_is_shown_as_waiting(farm: Farm) -> None:
    slots = Slots(farm.root / "a" / "slots")
    taken = [slots.take(2), slots.take(2)]
    farm.make(sleeps(6, 0.2))
    line = farm.runner.board.workers["a"]

    def let_go() -> None:
        assert not line.running
        for slot in taken:
            assert slot
            os.close(slot.lock)

    farm.when(lambda: len(line.waiting) == 2, let_go)
    assert farm.go().done == 6
    assert not line.waiting
    assert farm.rows("SELECT max(wall) < 1 FROM attempts") == [(1,)], "waiting is not the task's time"


def test_what_was_killed_by_order_has_cost_no_try(farm: Farm, tmp_path: Path) -> None:
    flag = tmp_path / "mended"
    farm.make([Task("t", f"test -e {flag} || sleep 600")], tries=1)
    farm.when(farm.started(1), lambda: farm.runner.tell(News(Cancel("enough"))))
    assert farm.go().cancelled == 1
    assert farm.rows("SELECT state, reason FROM attempts") == [("killed", "enough")]
    flag.touch()
    assert farm.head(tries=1).go().done == 1


def test_a_worker_that_is_sick_stays_out_until_its_probe_passes(
    farm: Farm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "FIRST_PROBE", 0.2)
    sick = tmp_path / "hosts" / "b" / "sick"
    sick.parent.mkdir(parents=True)
    sick.touch()
    command = f"case $PWD in {sick.parent}/*) test ! -e {sick} || exit 1;; esac; sleep 0.2"
    farm.make([Task(f"t{each}", command) for each in range(60)], tries=6, probe=f"test ! -e {ROOT}/sick")

    def well() -> bool:
        return sum("b stays out, its probe failed" in note for note in farm.runner.board.notes) >= 2

    farm.when(well, sick.unlink)
    assert farm.go().done == 60
    assert farm.rows("SELECT what, detail FROM events WHERE worker = 'b' AND what != 'up'") == [
        ("taken out", "its last 5 tasks failed")
    ]
    ((back,),) = farm.rows("SELECT at FROM events WHERE worker = 'b' AND detail = 'readmitted'")
    assert farm.rows(f"SELECT count(*) > 0 FROM attempts WHERE worker = 'b' AND started > {back}") == [(1,)]


def die(farm: Farm) -> None:
    """The head ends in the middle of its run, without a word to anybody."""

    def crash() -> None:
        farm.runner.errands.failure = ZeroDivisionError("the head died")

    farm.when(farm.started(6), crash)
    with pytest.raises(ZeroDivisionError):
        farm.go()


def test_the_next_head_finishes_the_run_of_one_that_died(farm: Farm) -> None:
    farm.make([*sleeps(12, 0.3), Task("bad", "exit 1")])
    die(farm)
    done = farm.rows("SELECT count(*) FROM tasks WHERE state = 'done'")[0][0]
    assert done < 12
    summary = farm.head().go()
    assert (summary.done, summary.held) == (12, 1)
    assert farm.rows("SELECT count(*) FROM attempts WHERE state = 'lost'")[0][0] >= 1
    assert farm.rows("SELECT count(*) FROM attempts WHERE task = 'bad' AND state = 'failed'") == [(3,)]
    assert farm.rows("SELECT count(*) FROM tasks JOIN attempts ON id = task AND attempt = accepted") == [(12,)]


def test_the_next_head_does_what_an_interrupt_left(farm: Farm) -> None:
    farm.make(sleeps(12, 0.3))
    farm.when(farm.started(6), lambda: farm.runner.interrupt())
    assert farm.go().cancelled > 0
    second = farm.head()
    before = farm.journal.meta()
    summary = second.go()
    assert (summary.done, summary.cancelled, summary.interrupted) == (12, 0, False)
    assert not {"ended", "interrupted"} & before.keys()
    assert farm.rows("SELECT count(*) FROM attempts") == [(12,)]


def test_a_held_task_that_is_forgiven_has_all_its_tries_again(farm: Farm, tmp_path: Path) -> None:
    flag = tmp_path / "mended"
    farm.make([Task("t", f"test -e {flag}"), Task("worse", "exit 2")])
    assert farm.go().held == 2
    assert farm.head().go().held == 2, "a held task stays held"
    flag.touch()
    farm.journal.commit([record.forgiven()])
    summary = farm.head().go()
    assert (summary.done, summary.held) == (1, 1)
    assert farm.rows("SELECT count(*) FROM attempts WHERE task = 'worse'") == [(6,)]


def test_a_second_head_on_a_run_is_refused(farm: Farm) -> None:
    farm.make(sleeps(1))
    with farm.run.locked(), pytest.raises(LockedError, match=farm.run.id), farm.run.locked():
        pass


def test_a_run_without_any_worker_ends_with_the_reason(farm: Farm) -> None:
    farm.transport.down.update(WORKERS)
    farm.make(sleeps(3), patience=1)
    with pytest.raises(UnreachableError, match="it is down"):
        farm.go()


def test_a_worker_whose_agent_is_of_another_release_is_left_out_by_name(farm: Farm) -> None:
    farm.agent = """echo '{"t": "refused", "why": "it is release b"}'; exit 1"""
    farm.make(sleeps(1))
    with pytest.raises(UnreachableError, match=r"a \(a:22\) starts no tasks of this run: it is release b"):
        farm.go()


def test_an_agent_of_another_protocol_is_refused(farm: Farm) -> None:
    farm.agent = """echo '{"t": "hello", "protocol": 99}'; exec cat > /dev/null"""
    farm.make(sleeps(1))
    with pytest.raises(UnreachableError, match=r"speaks protocol 99, this head 2.*provision\.yml"):
        farm.go()


@pytest.mark.parametrize("agent", ["exit 3", "echo Welcome to this host; exec cat > /dev/null"])
def test_an_agent_that_does_not_start_is_told(farm: Farm, agent: str) -> None:
    farm.agent = agent
    farm.make(sleeps(1), patience=0.5)
    with pytest.raises(UnreachableError, match=r"does not start|talks nonsense"):
        farm.go()


FORGER = """
import json, sys
print('{"t": "hello", "protocol": 2}', flush=True)
for line in sys.stdin:
    told = json.loads(line)
    if told["t"] == "run":
        receipt = dict(t="end", task=told["task"], attempt=told["attempt"], wall=0, cpu=0, rss=0)
        receipt |= dict(code=0, signal=None, error=None, reason=None)
        for mark, code in (("forged", 0), (told["mark"], 5), (told["mark"], 0)):
            print(json.dumps(receipt | dict(mark=mark, code=code)), flush=True)
    if told["t"] == "stop":
        break
"""
"""An agent that says an attempt went well with a wrong mark, then that it failed, then that it went well after all."""


def test_the_receipt_with_the_right_mark_counts_and_counts_once(farm: Farm, tmp_path: Path) -> None:
    script = tmp_path / "forger.py"
    script.write_text(FORGER)
    farm.agent = f"exec {sys.executable} {script}"
    assert farm.make([Task("t", "true")]).go().held == 1
    assert farm.rows("SELECT state, code FROM attempts") == [("failed", 5)] * 3


class Picky:
    """A collector that fetches ``part``, refuses what the first attempts brought, and may lose its connection."""

    def __init__(self, refuse: int = 0, miss: int = 0) -> None:
        self.refuse, self.miss = refuse, miss
        self.got: dict[str, str] = {}

    def __call__(self, session: Session, task: Task, attempt: int) -> Mapping[str, Any]:
        if self.miss:
            self.miss -= 1
            raise UnreachableError("gone")
        if attempt <= self.refuse:
            raise PartsError("damaged")
        return {"objects": 7, "attempt": attempt}


def test_an_output_that_is_refused_costs_a_try(farm: Farm) -> None:
    farm.make([Task("t", "exit 0")], Picky(refuse=1))
    summary = farm.go()
    assert (summary.done, summary.results["objects"]) == (1, 7)
    assert farm.rows("SELECT attempt, state FROM attempts") == [(1, "refused"), (2, "accepted")]
    assert farm.rows("SELECT accepted FROM tasks") == [(2,)]


def test_an_output_that_is_never_good_holds_its_task(farm: Farm) -> None:
    summary = farm.make([Task("t", "exit 0")], Picky(refuse=9)).go()
    assert summary.held == 1
    assert "damaged" in summary.troubles[0][2]


def test_an_output_that_cannot_be_brought_costs_no_try(farm: Farm) -> None:
    summary = farm.make([Task("t", "exit 0")], Picky(miss=5)).go()
    assert summary.done == 1
    assert farm.rows("SELECT count(*) FROM attempts WHERE state = 'missed'") == [(5,)]


WRITES = """
mkdir "$FARM_OUT/deep"
echo $FARM_TASK > "$FARM_OUT/a b.txt"
echo 2 > "$FARM_OUT/deep/c.txt"
touch "$FARM_OUT/d.log"
"""


def test_outputs_that_match_are_brought_here_and_the_others_are_not(farm: Farm) -> None:
    collect = FileCollector(farm.run, ["*.txt", "*/*.txt"])
    summary = farm.make([Task("one", WRITES), Task("two", WRITES)], collect).go()
    assert (summary.done, summary.results["files"]) == (2, 4)
    outputs = farm.run.folder / "outputs"
    found = {str(path.relative_to(outputs)) for path in outputs.rglob("*") if path.is_file()}
    assert found == {f"{task}/{name}" for task in ("one", "two") for name in ("a b.txt", "deep/c.txt")}
    assert (outputs / "two" / "a b.txt").read_text() == "two\n"


def test_a_task_without_the_wanted_output_has_failed(farm: Farm) -> None:
    summary = farm.make([Task("t", "exit 0")], FileCollector(farm.run, ["*.txt"])).go()
    assert summary.held == 1
    assert "no output matches" in summary.troubles[0][2]


def test_slots_are_numbered_and_no_two_tasks_share_one(farm: Farm) -> None:
    command = 'mkdir "$FARM_OUT/../../slot.$FARM_SLOT" && sleep 0.2 && rmdir "$FARM_OUT/../../slot.$FARM_SLOT"'
    summary = farm.make(
        [Task(f"t{each}", f"case $FARM_SLOT in 1|2) {command};; *) exit 1; esac") for each in range(12)]
    )
    assert summary.go().done == 12
    assert farm.rows("SELECT count(*) FROM attempts") == [(12,)]


def test_a_long_task_keeps_no_other_task_waiting(farm: Farm) -> None:
    farm.make([Task("long", "sleep 1.2"), *sleeps(30, 0.05)]).go()
    (last,) = farm.rows("SELECT task FROM attempts ORDER BY ended DESC LIMIT 1")
    assert last == ("long",)
    beside = farm.rows(
        "SELECT count(*) FROM attempts one JOIN attempts two USING (worker)"
        " WHERE one.task = 'long' AND two.started > one.started AND two.ended < one.ended"
    )
    assert beside[0][0] > 1


def test_a_journal_that_cannot_be_written_ends_the_run(farm: Farm) -> None:
    farm.make(sleeps(200, 0.1))
    farm.when(farm.started(6), lambda: farm.journal._db.execute("DROP TABLE attempts") and None)
    with pytest.raises(Exception, match="journal"):
        farm.go()
