"""The scheduler: rules by example, and what holds over any order of events."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.events import (
    Cancel,
    Done,
    Drain,
    Event,
    Exited,
    Failed,
    Kill,
    Lost,
    Missed,
    Readmit,
    Settled,
    Start,
    State,
    TakenOut,
    Tick,
    Up,
)
from farm.scheduler import Scheduler

WORKERS = ("a", "b", "c")


def farm_of(tasks: int, **options: int) -> Scheduler:
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


def test_a_worker_where_every_task_fails_is_taken_out_and_can_be_readmitted() -> None:
    scheduler = farm_of(20, max_streak=3)
    scheduler.handle(Up("good", 1), 0)
    actions = scheduler.handle(Up("bad", 1), 0)
    for _ in range(3):
        ((task, attempt, worker),) = starts(actions)
        assert worker == "bad"
        actions = scheduler.handle(Failed(task, attempt, "no route"), 1)
    assert [each.worker for each in actions if isinstance(each, TakenOut)] == ["bad"]
    assert starts(actions) == []
    assert [each[2] for each in starts(scheduler.handle(Readmit("bad"), 2))] == ["bad"]


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
    assert [each[2] for each in starts(scheduler.handle(Lost("good", until=9), 2))] == ["bad"]


def test_draining_lets_running_tasks_end_and_starts_no_more() -> None:
    scheduler = farm_of(3)
    scheduler.handle(Up("a", 2), 0)
    scheduler.handle(Failed("t0", 1, "exit code 1"), 0)
    assert scheduler.handle(Drain(), 1) == []
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
    assert [each.task for each in scheduler.handle(Cancel(), 1) if isinstance(each, Kill)] == ["t0"]
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


class World:
    """Workers that do what the scheduler says, and every check that holds at any moment."""

    def __init__(self, tasks: int) -> None:
        self.scheduler = farm_of(tasks)
        self.tasks = tasks
        self.now = 0.0
        self.slots: dict[str, int] = {}
        self.alive: dict[tuple[str, int], str] = {}
        """Attempts that run, or may still run on a lost worker."""
        self.collecting: set[tuple[str, int]] = set()
        self.fences: dict[str, float] = {}
        self.settled: Counter[str] = Counter()
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
        self.stopped |= isinstance(event, Drain | Cancel)
        for action in self.scheduler.handle(event, self.now):
            if isinstance(action, Start):
                self.start(action)
            if isinstance(action, Settled):
                self.settled[action.task] += 1
                assert self.settled[action.task] == 1, "a task ends once"
        assert sum(self.scheduler.counts.values()) == self.tasks, "the books balance"

    def forget(self, worker: str) -> None:
        self.fences.pop(worker, None)
        for attempt in [each for each, where in self.alive.items() if where == worker]:
            del self.alive[attempt]

    def start(self, action: Start) -> None:
        assert not self.stopped, "nothing starts in a run that ends"
        assert all(task != action.task for task, _ in self.alive), "no two attempts of a task run at once"
        self.alive[action.task, action.attempt] = action.worker
        on_worker = sum(where == action.worker for where in self.alive.values())
        assert on_worker <= self.slots[action.worker], "no more attempts than slots"

    def running(self) -> list[tuple[str, int]]:
        return sorted(each for each, where in self.alive.items() if where in self.slots)

    def step(self, choose: st.DataObject) -> None:
        self.now += choose.draw(st.sampled_from([0.0, 1.0, 20.0]))
        kind = choose.draw(st.sampled_from(["up", "lost", "end", "end", "end", "collect", "stale", "tick", "readmit"]))
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
        elif kind == "readmit" and worker in self.slots:
            self.tell(Readmit(worker))

    def finish(self) -> None:
        """Let every worker come up and every attempt end well: the run then ends."""
        self.now += 100
        self.tell(Tick())
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
@given(data=st.data(), tasks=st.integers(1, 8), steps=st.integers(0, 60))
def test_over_any_order_of_events_every_task_ends_once_and_no_two_attempts_overlap(
    data: st.DataObject, tasks: int, steps: int
) -> None:
    world = World(tasks)
    for _ in range(steps):
        world.step(data)
    world.finish()


@settings(max_examples=50, deadline=None)
@given(
    data=st.data(),
    tasks=st.integers(1, 8),
    before=st.integers(0, 30),
    after=st.integers(0, 30),
    ending=st.sampled_from([Drain(), Cancel()]),
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
