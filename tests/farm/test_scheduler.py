"""The scheduler: rules by example, and what holds over any order of events."""

from collections import Counter
from statistics import median
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.events import (
    Began,
    Cancel,
    CancelTasks,
    Done,
    Drain,
    DrainWorker,
    Ending,
    Event,
    Exited,
    Failed,
    Hold,
    Kill,
    Lost,
    Missed,
    Probe,
    Probed,
    Readmitted,
    Refused,
    Reopened,
    Settled,
    Start,
    State,
    TakenOut,
    Tick,
    UndrainWorker,
    Unhold,
    Up,
    Waits,
)
from farm.scheduler import Halt, Scheduler
from farm.scheduler import halt as halting
from farm.scheduler.pace import Pace
from farm.scheduler.workers import HOPE

WORKERS = ("a", "b", "c")


def farm_of(tasks: int, **options: Any) -> Scheduler:
    scheduler = Scheduler(**options)
    for number in range(tasks):
        scheduler.submit(f"t{number}")
    return scheduler


def starts(actions: list) -> list[tuple[str, int, str]]:
    return [(each.task, each.attempt, each.worker) for each in actions if isinstance(each, Start)]


def test_a_worker_that_comes_up_gets_as_many_tasks_as_it_has_slots() -> None:
    scheduler = farm_of(3)
    assert starts(scheduler.handle(Up("a", 2), 0)) == [("t0", 1, "a"), ("t1", 1, "a")]


def test_a_slot_that_gets_free_gets_the_next_task_at_once() -> None:
    scheduler = farm_of(3)
    scheduler.handle(Up("a", 2), 0)
    assert starts(scheduler.handle(Exited("t1", 1), 1)) == [("t2", 1, "a")]
    assert scheduler.state("t1") is State.RUNNING
    scheduler.handle(Done("t1", 1), 2)
    assert scheduler.state("t1") is State.DONE


def test_a_failed_task_is_tried_next_on_another_worker() -> None:
    scheduler = farm_of(2)
    scheduler.handle(Up("a", 1), 0)
    scheduler.handle(Up("b", 1), 0)
    assert starts(scheduler.handle(Failed("t0", 1, "exit code 1"), 1)) == []
    assert starts(scheduler.handle(Done("t1", 1), 2)) == [("t0", 2, "b")]


def test_a_failed_task_is_tried_again_on_the_only_worker_there_is() -> None:
    scheduler = farm_of(1)
    scheduler.handle(Up("a", 1), 0)
    assert starts(scheduler.handle(Failed("t0", 1, "exit code 1"), 1)) == [("t0", 2, "a")]


def test_a_failed_task_does_not_keep_other_idle_workers_waiting() -> None:
    scheduler = farm_of(1)
    scheduler.handle(Up("a", 2), 0)
    scheduler.handle(Up("b", 1), 0)
    assert starts(scheduler.handle(Failed("t0", 1, "exit code 1"), 1)) == [("t0", 2, "b")]


def test_after_its_last_try_a_task_is_held_with_its_reason() -> None:
    scheduler = farm_of(1, max_tries=2)
    scheduler.handle(Up("a", 1), 0)
    scheduler.handle(Failed("t0", 1, "exit code 1"), 1)
    actions = scheduler.handle(Failed("t0", 2, "exit code 7"), 2)
    assert actions == [Settled("t0", State.HELD, "failed 2 times; at last: exit code 7")]
    assert scheduler.ended


def test_a_lost_worker_returns_its_task_to_the_queue_only_when_it_cannot_run_there_any_more() -> None:
    scheduler = farm_of(1)
    scheduler.handle(Up("a", 1), 0)
    scheduler.handle(Up("b", 1), 0)
    assert starts(scheduler.handle(Lost("a", until=8), 1)) == []
    assert starts(scheduler.handle(Tick(), 7.9)) == []
    assert starts(scheduler.handle(Tick(), 8)) == [("t0", 2, "b")]


def test_a_worker_that_comes_back_frees_its_lost_tasks_at_once() -> None:
    scheduler = farm_of(1)
    scheduler.handle(Up("a", 1), 0)
    scheduler.handle(Lost("a", until=8), 1)
    assert starts(scheduler.handle(Up("a", 1), 2)) == [("t0", 2, "a")]


def test_losing_a_worker_costs_no_try() -> None:
    scheduler = farm_of(1, max_tries=1)
    for now in range(0, 100, 10):
        scheduler.handle(Up("a", 1), now)
        scheduler.handle(Lost("a", until=now + 8), now + 1)
    scheduler.handle(Up("a", 1), 200)
    assert scheduler.state("t0") is State.RUNNING


def test_late_news_of_a_lost_attempt_is_void() -> None:
    scheduler = farm_of(1)
    scheduler.handle(Up("a", 1), 0)
    scheduler.handle(Up("b", 1), 0)
    scheduler.handle(Lost("a", until=8), 1)
    scheduler.handle(Done("t0", 1), 2)
    assert scheduler.state("t0") is State.RUNNING
    scheduler.handle(Tick(), 9)
    scheduler.handle(Done("t0", 1), 10)
    assert scheduler.state("t0") is State.RUNNING
    scheduler.handle(Done("t0", 2), 11)
    assert scheduler.state("t0") is State.DONE


def test_a_task_that_loses_two_workers_while_others_stay_is_held() -> None:
    scheduler = farm_of(1)
    for worker in WORKERS:
        scheduler.handle(Up(worker, 1), 0)
    scheduler.handle(Lost("a", until=8), 1)
    scheduler.handle(Tick(), 8)
    actions = scheduler.handle(Lost("b", until=16), 9) + scheduler.handle(Tick(), 16)
    assert [each.state for each in actions if isinstance(each, Settled)] == [State.HELD]


def taken_out(scheduler: Scheduler, streak: int) -> None:
    """Have worker ``bad`` fail so often at 1 s that it is taken out; ``good`` has a task all the while."""
    scheduler.handle(Up("good", 1), 0)
    actions = scheduler.handle(Up("bad", 1), 0)
    for _ in range(streak):
        ((task, attempt, worker),) = starts(actions)
        assert worker == "bad"
        actions = scheduler.handle(Failed(task, attempt, "no route"), 1)
    assert [each.worker for each in actions if isinstance(each, TakenOut)] == ["bad"]
    assert starts(actions) == []


def test_a_worker_where_every_task_fails_is_taken_out_probed_and_readmitted() -> None:
    scheduler = farm_of(20, max_streak=3)
    taken_out(scheduler, 3)
    due = scheduler.next_due()
    assert due == 6
    assert scheduler.handle(Tick(), 5.9) == []
    assert scheduler.handle(Tick(), due) == [Probe("bad")]
    actions = scheduler.handle(Probed("bad", ok=True), 7)
    assert Readmitted("bad") in actions
    assert [each[2] for each in starts(actions)] == ["bad"]


def test_a_worker_that_does_not_get_well_is_probed_less_and_less_often() -> None:
    scheduler = farm_of(20, max_streak=3)
    taken_out(scheduler, 3)
    waits, now = [], 1.0
    for _ in range(8):
        due = scheduler.next_due()
        assert due is not None
        waits.append(due - now)
        now = due
        assert scheduler.handle(Tick(), now) == [Probe("bad")]
        assert scheduler.handle(Probed("bad", ok=False), now) == []
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300]


def test_a_readmitted_worker_that_fails_again_is_out_at_once_and_for_longer() -> None:
    scheduler = farm_of(20, max_streak=3)
    taken_out(scheduler, 3)
    scheduler.handle(Tick(), 6)
    ((task, attempt, _),) = starts(scheduler.handle(Probed("bad", ok=True), 6))
    assert TakenOut("bad", "its last 3 tasks failed") in scheduler.handle(Failed(task, attempt, "no route"), 7)
    assert scheduler.next_due() == 17
    scheduler.handle(Tick(), 17)
    ((task, attempt, _),) = starts(scheduler.handle(Probed("bad", ok=True), 17))
    assert starts(scheduler.handle(Done(task, attempt), 18)), "one that does a task is well"


def test_a_worker_that_was_taken_out_and_comes_back_is_probed_at_once() -> None:
    scheduler = farm_of(20, max_streak=3)
    taken_out(scheduler, 3)
    scheduler.handle(Lost("bad", 9), 2)
    assert scheduler.handle(Tick(), 8) == [], "nobody is there to be probed"
    assert scheduler.handle(Up("bad", 1), 50) == [Probe("bad")]


def test_workers_stay_in_service_where_every_task_fails_everywhere() -> None:
    scheduler = farm_of(30, max_streak=3)
    running = [each for worker in WORKERS for each in starts(scheduler.handle(Up(worker, 1), 0))]
    while running:
        task, attempt, _ = running.pop(0)
        actions = scheduler.handle(Failed(task, attempt, "bad program"), 1)
        assert not any(isinstance(each, TakenOut) for each in actions)
        running += starts(actions)
    assert scheduler.counts[State.HELD] == 30


def test_a_worker_that_was_taken_out_works_again_when_nobody_else_is_left() -> None:
    scheduler = farm_of(20, max_streak=2)
    scheduler.handle(Up("good", 1), 0)
    actions = scheduler.handle(Up("bad", 1), 0)
    for _ in range(2):
        ((task, attempt, _),) = starts(actions)
        actions = scheduler.handle(Failed(task, attempt, "no route"), 1)
    assert starts(scheduler.handle(Lost("good", until=9), 2)) == [], "it may come back"
    assert [each[2] for each in starts(scheduler.handle(Tick(), 2 + HOPE))] == ["bad"]


def test_a_worker_that_fails_everything_does_not_hold_the_tasks_before_the_others_have_connected() -> None:
    scheduler = farm_of(20, max_streak=3)
    for worker in ("good", "bad"):
        scheduler.expect(worker, 0)
    actions = scheduler.handle(Up("bad", 1), 1)
    while running := starts(actions):
        for task, attempt, _ in running:
            actions = scheduler.handle(Failed(task, attempt, "no route"), 2)
    assert scheduler.counts[State.HELD] == 0
    actions = scheduler.handle(Up("good", 1), 3)
    done = 0
    while running := [each for each in starts(actions) if each[2] == "good"]:
        actions = scheduler.handle(Done(running[0][0], running[0][1]), 4)
        done += 1
    assert (done, scheduler.counts[State.DONE]) == (20, 20)


def test_a_failed_task_is_tried_again_on_the_only_worker_when_nobody_else_comes() -> None:
    scheduler = farm_of(1)
    for worker in WORKERS:
        scheduler.expect(worker, 0)
    scheduler.handle(Up("a", 1), 1)
    assert starts(scheduler.handle(Failed("t0", 1, "exit code 1"), 2)) == []
    assert scheduler.next_due() == HOPE
    assert starts(scheduler.handle(Tick(), HOPE)) == [("t0", 2, "a")]


def test_draining_lets_running_tasks_end_and_starts_no_more() -> None:
    scheduler = farm_of(3)
    scheduler.handle(Up("a", 2), 0)
    scheduler.handle(Failed("t0", 1, "exit code 1"), 0)
    assert scheduler.handle(Drain("enough"), 1) == [Ending("enough")]
    scheduler.handle(Done("t0", 2), 2)
    actions = scheduler.handle(Failed("t1", 1, "exit code 1"), 3)
    assert {each.task: each.state for each in actions if isinstance(each, Settled)} == {
        "t1": State.FAILED,
        "t2": State.CANCELLED,
    }
    assert scheduler.ended


def test_cancelling_kills_what_runs_and_settles_it_as_cancelled() -> None:
    scheduler = farm_of(2)
    scheduler.handle(Up("a", 1), 0)
    assert [each.task for each in scheduler.handle(Cancel("enough"), 1) if isinstance(each, Kill)] == ["t0"]
    scheduler.handle(Failed("t0", 1, "cancelled"), 2)
    assert scheduler.counts[State.CANCELLED] == 2


def test_what_a_former_head_started_is_given_away_when_it_can_no_longer_run() -> None:
    scheduler = Scheduler()
    scheduler.take_over("t0", attempt=4, tries=1, worker="a", until=8)
    assert starts(scheduler.handle(Up("b", 1), 1)) == []
    assert starts(scheduler.handle(Tick(), 8)) == [("t0", 5, "b")]


def test_what_a_former_head_started_is_given_away_when_its_worker_is_there_again() -> None:
    scheduler = Scheduler()
    scheduler.take_over("t0", attempt=4, tries=1, worker="a", until=8)
    assert starts(scheduler.handle(Up("a", 1), 1)) == [("t0", 5, "a")]


def test_what_has_ended_under_a_former_head_is_counted_and_not_run_again() -> None:
    scheduler = Scheduler()
    scheduler.submit("t0", State.DONE, attempt=1)
    scheduler.submit("t1", State.HELD, attempt=3, tries=3)
    assert scheduler.handle(Up("a", 1), 0) == []
    assert scheduler.ended
    assert (scheduler.counts[State.DONE], scheduler.counts[State.HELD]) == (1, 1)


def test_a_task_id_is_taken_once() -> None:
    scheduler = farm_of(1)
    with pytest.raises(ValueError, match="t0"):
        scheduler.submit("t0")


def settled(actions: list) -> dict[str, State]:
    return {each.task: each.state for each in actions if isinstance(each, Settled)}


def test_enough_failures_halt_the_run_soon_and_what_runs_ends() -> None:
    scheduler = farm_of(5, max_tries=1, halt=Halt(now=False, fail=2, percent=False))
    scheduler.handle(Up("a", 3), 0)
    assert starts(scheduler.handle(Failed("t0", 1, "x"), 1)) == [("t3", 1, "a")]
    actions = scheduler.handle(Failed("t1", 1, "x"), 2)
    assert Ending("halted: 2 tasks failed (soon,fail=2)") in actions
    assert not any(isinstance(each, Kill | Start) for each in actions)
    scheduler.handle(Done("t2", 1), 3)
    actions = scheduler.handle(Done("t3", 1), 4)
    assert actions[1:] == [Settled("t4", State.CANCELLED, "halted: 2 tasks failed (soon,fail=2)")]
    assert scheduler.ended


def test_a_share_of_failures_halts_the_run_now_and_what_runs_is_killed() -> None:
    scheduler = farm_of(10, max_tries=1, halt=Halt(now=True, fail=10, percent=True))
    scheduler.handle(Up("a", 2), 0)
    actions = scheduler.handle(Failed("t0", 1, "x"), 1)
    assert [each.task for each in actions if isinstance(each, Kill)] == ["t1"]
    scheduler.handle(Failed("t1", 1, "killed"), 2)
    assert (scheduler.counts[State.HELD], scheduler.counts[State.CANCELLED]) == (1, 9)


def test_a_failure_that_is_tried_again_does_not_halt_the_run() -> None:
    scheduler = farm_of(2, max_tries=2, halt=Halt(now=True, fail=1, percent=False))
    scheduler.handle(Up("a", 1), 0)
    assert starts(scheduler.handle(Failed("t0", 1, "x"), 1)) == [("t0", 2, "a")]


@pytest.mark.parametrize("text", ["soon,fail=5", "now,fail=10%", "soon,fail=100%"])
def test_a_halt_is_read_as_gnu_parallel_writes_it(text: str) -> None:
    assert str(halting.parse(text)) == text


@pytest.mark.parametrize("text", ["", "soon", "now,fail=0", "later,fail=1", "now,fail=101%", "now,fail=1.5", "fail=1"])
def test_a_halt_that_says_nothing_sensible_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="soon,fail=5 or now,fail=10%"):
        halting.parse(text)


@given(st.lists(st.floats(0.001, 1e6), min_size=3, max_size=50))
def test_the_pace_is_a_share_of_the_median(walls: list[float]) -> None:
    pace = Pace(300)
    for number, wall in enumerate(walls):
        assert (pace.limit is None) == (number < 3)
        pace.add(wall)
    assert pace.limit == pytest.approx(3 * median(walls))


def test_what_runs_much_longer_than_the_median_is_killed_once() -> None:
    scheduler = farm_of(5, timeout_percent=300)
    scheduler.handle(Up("a", 5), 0)
    assert scheduler.handle(Tick(), 1000) == [], "too few are done to say"
    for task in ("t0", "t1", "t2"):
        scheduler.handle(Done(task, 1, wall=10.0), 1000)
    ((kill),) = scheduler.handle(Tick(), 1000)[:1]
    assert (kill.task, kill.worker) == ("t3", "a")
    assert "300 % of the median" in kill.reason
    assert scheduler.handle(Tick(), 1001) == []


def test_waiting_for_a_slot_does_not_count_as_running() -> None:
    scheduler = farm_of(4, timeout_percent=300)
    scheduler.handle(Up("a", 4), 0)
    scheduler.handle(Waits("t3", 1), 0)
    for task in ("t0", "t1", "t2"):
        scheduler.handle(Done(task, 1, wall=10.0), 10)
    assert scheduler.handle(Tick(), 1000) == []
    scheduler.handle(Began("t3", 1), 1000)
    assert scheduler.handle(Tick(), 1029) == []
    assert isinstance(scheduler.handle(Tick(), 1031)[0], Kill)


def test_cancelled_tasks_are_killed_or_never_start() -> None:
    scheduler = farm_of(3)
    scheduler.handle(Up("a", 1), 0)
    actions = scheduler.handle(CancelTasks(("t0", "t1")), 1)
    assert settled(actions) == {"t1": State.CANCELLED}
    assert [each.task for each in actions if isinstance(each, Kill)] == ["t0"]
    actions = scheduler.handle(Failed("t0", 1, "cancelled"), 2)
    assert settled(actions) == {"t0": State.CANCELLED}
    assert starts(actions) == [("t2", 1, "a")]


def test_a_held_task_does_not_start_until_it_is_unheld() -> None:
    scheduler = farm_of(2)
    assert settled(scheduler.handle(Hold(("t0",)), 0)) == {"t0": State.HELD}
    assert starts(scheduler.handle(Up("a", 1), 0)) == [("t1", 1, "a")]
    assert scheduler.handle(Unhold(("t0",)), 1) == [Reopened("t0")]
    assert starts(scheduler.handle(Done("t1", 1), 2)) == [("t0", 1, "a")]


def test_a_running_task_that_is_held_is_done_if_its_attempt_ends_well_and_else_held() -> None:
    scheduler = farm_of(3)
    scheduler.handle(Up("a", 3), 0)
    assert scheduler.handle(Hold(("t0", "t1", "t2")), 1) == []
    assert settled(scheduler.handle(Done("t0", 1), 2)) == {"t0": State.DONE}
    assert settled(scheduler.handle(Failed("t1", 1, "x"), 2)) == {"t1": State.HELD}
    scheduler.handle(Unhold(("t2",)), 3)
    assert starts(scheduler.handle(Failed("t2", 1, "x"), 4)) == [("t2", 2, "a")]


def test_a_task_that_is_out_of_tries_has_all_of_them_again_when_it_is_unheld() -> None:
    scheduler = farm_of(2, max_tries=1)
    scheduler.handle(Up("a", 1), 0)
    scheduler.handle(Failed("t0", 1, "x"), 1)
    scheduler.handle(Unhold(("t0",)), 2)
    assert starts(scheduler.handle(Done("t1", 1), 3)) == [("t0", 2, "a")]
    assert settled(scheduler.handle(Failed("t0", 2, "x"), 4)) == {"t0": State.HELD}


def test_a_task_can_be_cancelled_but_not_unheld_while_the_run_ends() -> None:
    scheduler = farm_of(2)
    scheduler.handle(Up("a", 1), 0)
    scheduler.handle(Hold(("t1",)), 0)
    scheduler.handle(Drain("enough"), 1)
    assert scheduler.handle(Unhold(("t1",)), 2) == [Refused("the run is ending: enough")]
    assert [type(each) for each in scheduler.handle(CancelTasks(("t0",)), 2)] == [Kill]
    scheduler.handle(Failed("t0", 1, "killed"), 3)
    assert scheduler.ended


def test_a_drained_worker_ends_what_it_has_and_gets_no_more() -> None:
    scheduler = farm_of(4)
    scheduler.handle(Up("a", 1), 0)
    scheduler.handle(Up("b", 1), 0)
    assert scheduler.handle(DrainWorker("a"), 1) == []
    assert scheduler.handle(Done("t0", 1), 2) == [Settled("t0", State.DONE, "")]
    scheduler.handle(Lost("a", 9), 3)
    assert scheduler.handle(Up("a", 1), 4) == [], "drained it stays, whatever happens to it"
    assert starts(scheduler.handle(UndrainWorker("a"), 5)) == [("t2", 1, "a")]


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (Hold(("t1", "nobody")), "there is no task nobody"),
        (Hold(("t0",)), "task t0 is done: it cannot be held"),
        (CancelTasks(("t0",)), "task t0 is done: it cannot be cancelled"),
        (Unhold(("t1",)), "task t1 is running: it cannot be unheld"),
        (DrainWorker("z"), "no worker z has been up"),
        (DrainWorker("a"), "a is the last worker in service: farm cancel ends a run"),
        (UndrainWorker("a"), "a is not drained"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_and_changes_nothing(order: Event, why: str) -> None:
    scheduler = farm_of(3)
    scheduler.handle(Up("a", 1), 0)
    scheduler.handle(Done("t0", 1), 1)
    before = dict(scheduler.counts)
    assert scheduler.handle(order, 2) == [Refused(why)]
    assert scheduler.counts == before


class World:
    """Workers that do what the scheduler says, and every check that holds at any moment."""

    def __init__(self, tasks: int, **options: Any) -> None:
        self.scheduler = farm_of(tasks, **options)
        self.tasks = tasks
        self.now = 0.0
        self.slots: dict[str, int] = {}
        self.alive: dict[tuple[str, int], str] = {}
        """Attempts that run, or may still run on a lost worker."""
        self.collecting: set[tuple[str, int]] = set()
        self.fences: dict[str, float] = {}
        self.settled: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.probes: set[str] = set()
        self.drained: set[str] = set()
        self.stopped = False

    def tell(self, event: Event) -> None:
        if isinstance(event, Exited | Done | Failed):
            self.alive.pop((event.task, event.attempt), None)
        if isinstance(event, Up):
            self.forget(event.worker)
            self.slots[event.worker] = event.slots
        if isinstance(event, Lost):
            self.slots.pop(event.worker, None)
            self.fences[event.worker] = event.until
        for worker, until in list(self.fences.items()):
            if until <= self.now:
                self.forget(worker)
        actions = self.scheduler.handle(event, self.now)
        if isinstance(event, DrainWorker) and actions == []:
            self.drained.add(event.worker)
        if isinstance(event, UndrainWorker) and not any(isinstance(each, Refused) for each in actions):
            self.drained.discard(event.worker)
        for action in actions:
            self.note(action)
        assert sum(self.scheduler.counts.values()) == self.tasks, "the books balance"

    def note(self, action: Any) -> None:
        match action:
            case Start():
                self.start(action)
            case Settled(task, state):
                self.settled[task] += 1
                self.accepted[task] += state is State.DONE
                assert self.settled[task] == 1, "a task ends once"
                assert self.accepted[task] <= 1, "no task has two accepted attempts"
            case Reopened(task):
                self.settled.pop(task, None)
                assert not self.accepted[task], "what is done stays done"
            case Probe(worker):
                assert worker in self.slots, "only a worker that is there is probed"
                self.probes.add(worker)
            case Ending():
                self.stopped = True
            case Kill(task, attempt, worker):
                assert self.alive[task, attempt] == worker, "what is killed runs"

    def forget(self, worker: str) -> None:
        self.fences.pop(worker, None)
        for attempt in [each for each, where in self.alive.items() if where == worker]:
            del self.alive[attempt]

    def start(self, action: Start) -> None:
        assert not self.stopped, "nothing starts in a run that ends"
        assert action.worker not in self.drained, "nothing starts on a drained worker"
        assert all(task != action.task for task, _ in self.alive), "no two attempts of a task run at once"
        self.alive[action.task, action.attempt] = action.worker
        on_worker = sum(where == action.worker for where in self.alive.values())
        assert on_worker <= self.slots[action.worker], "no more attempts than slots"

    def running(self) -> list[tuple[str, int]]:
        return sorted(each for each, where in self.alive.items() if where in self.slots)

    def step(self, choose: st.DataObject) -> None:
        self.now += choose.draw(st.sampled_from([0.0, 1.0, 20.0]))
        kind = choose.draw(
            st.sampled_from(["up", "lost", "end", "end", "end", "collect", "stale", "tick", "probe", "order", "wait"])
        )
        worker = choose.draw(st.sampled_from(WORKERS))
        if kind == "up" and worker not in self.slots:
            self.tell(Up(worker, choose.draw(st.integers(1, 3))))
        elif kind == "lost" and worker in self.slots:
            self.tell(Lost(worker, self.now + 8))
        elif kind == "end" and (running := self.running()):
            task, attempt = choose.draw(st.sampled_from(running))
            event = choose.draw(
                st.sampled_from([Exited(task, attempt), Done(task, attempt), Failed(task, attempt, "x")])
            )
            if isinstance(event, Exited):
                self.collecting.add((task, attempt))
            self.tell(event)
        elif kind == "collect" and self.collecting:
            task, attempt = choose.draw(st.sampled_from(sorted(self.collecting)))
            self.collecting.discard((task, attempt))
            self.tell(
                choose.draw(st.sampled_from([Done(task, attempt), Failed(task, attempt, "x"), Missed(task, attempt)]))
            )
        elif kind == "stale":
            task = f"t{choose.draw(st.integers(0, self.tasks - 1))}"
            attempt = choose.draw(st.integers(0, 3))
            if (task, attempt) not in self.alive and (task, attempt) not in self.collecting:
                self.tell(Done(task, attempt))
        elif kind == "tick":
            self.tell(Tick())
        elif kind == "probe" and self.probes:
            worker = choose.draw(st.sampled_from(sorted(self.probes)))
            self.probes.discard(worker)
            self.tell(Probed(worker, choose.draw(st.booleans())))
        elif kind == "wait" and (running := self.running()):
            task, attempt = choose.draw(st.sampled_from(running))
            self.tell(choose.draw(st.sampled_from([Waits(task, attempt), Began(task, attempt)])))
        elif kind == "order":
            self.order(choose, worker)

    def order(self, choose: st.DataObject, worker: str) -> None:
        numbers = choose.draw(st.lists(st.integers(0, self.tasks), max_size=3))
        tasks = tuple(f"t{number}" for number in numbers)
        orders = [Hold(tasks), Unhold(tasks), CancelTasks(tasks), DrainWorker(worker), UndrainWorker(worker)]
        self.tell(choose.draw(st.sampled_from(orders)))

    def finish(self) -> None:
        """Let every worker come up and every attempt end well: the run then ends."""
        self.now += 1000
        self.tell(Tick())
        for worker in sorted(self.drained):
            self.tell(UndrainWorker(worker))
        for task, attempt in sorted(self.collecting):
            self.tell(Missed(task, attempt))
        for worker in WORKERS:
            if worker not in self.slots:
                self.tell(Up(worker, 1))
        for _ in range(10 * self.tasks):
            for task, attempt in self.running():
                self.tell(Done(task, attempt))
        assert self.scheduler.ended
        assert sum(self.settled.values()) == self.tasks, "every task ends"


@settings(max_examples=100, deadline=None)
@given(
    data=st.data(),
    tasks=st.integers(1, 8),
    steps=st.integers(0, 60),
    streak=st.integers(1, 3),
    halt=st.one_of(st.none(), st.builds(Halt, st.booleans(), st.integers(1, 3), st.just(value=False))),
    percent=st.sampled_from([None, 100]),
)
def test_over_any_order_of_events_every_task_ends_once_and_no_two_attempts_overlap(
    data: st.DataObject, tasks: int, steps: int, streak: int, halt: Halt | None, percent: float | None
) -> None:
    world = World(tasks, max_streak=streak, halt=halt, timeout_percent=percent)
    for _ in range(steps):
        world.step(data)
    world.finish()


@settings(max_examples=50, deadline=None)
@given(
    data=st.data(),
    tasks=st.integers(1, 8),
    before=st.integers(0, 30),
    after=st.integers(0, 30),
    ending=st.sampled_from([Drain("enough"), Cancel("enough")]),
)
def test_over_any_order_of_events_a_run_that_is_stopped_ends(
    data: st.DataObject, tasks: int, before: int, after: int, ending: Event
) -> None:
    world = World(tasks)
    for _ in range(before):
        world.step(data)
    world.tell(ending)
    for _ in range(after):
        world.step(data)
    world.finish()
