"""A worker's slots, shared by the agents of several runs."""

import os
from pathlib import Path

import pytest
from agents import LocalAgent, eventually, gone, written

from farm.worker.slots import Slots


def numbers(slots: Slots, limit: int, times: int) -> list[int | None]:
    taken = [slots.take(limit) for _ in range(times)]
    return [slot.number if slot else None for slot in taken]


def test_each_slot_is_taken_once(tmp_path: Path) -> None:
    assert numbers(Slots(tmp_path), 2, 3) == [1, 2, None]
    assert numbers(Slots(tmp_path), 3, 2) == [3, None], "another run with more slots has only the third one left"


def test_a_slot_that_is_let_go_is_free(tmp_path: Path) -> None:
    slots = Slots(tmp_path)
    first = slots.take(1)
    assert first
    os.close(first.lock)
    assert numbers(slots, 1, 1) == [1]


def test_a_free_slot_goes_to_the_oldest_ticket(tmp_path: Path) -> None:
    one, two = Slots(tmp_path), Slots(tmp_path)
    held = one.take(1)
    assert held
    assert two.take(1) is None
    older, younger = two.queue_up(1), one.queue_up(1)
    os.close(held.lock)
    assert one.take(1) is None, "who comes last does not overtake"
    assert one.take(1, younger) is None
    slot = two.take(1, older)
    assert slot
    older.withdraw()
    os.close(slot.lock)
    assert one.take(1, younger)
    younger.withdraw()


def test_a_slot_that_the_oldest_ticket_may_not_take_keeps_nobody_waiting(tmp_path: Path) -> None:
    small, large = Slots(tmp_path), Slots(tmp_path)
    assert numbers(large, 1, 1) == [1]
    ticket = small.queue_up(1)
    slot = large.take(2)
    assert slot
    assert slot.number == 2
    ticket.withdraw()


def test_the_ticket_of_an_agent_that_died_keeps_nobody_waiting(tmp_path: Path) -> None:
    slots = Slots(tmp_path)
    assert slots.take(1) is not None
    dead = slots.queue_up(2)
    os.close(dead.lock)
    assert numbers(slots, 2, 1) == [2]
    assert not dead.path.exists()


def test_two_runs_take_turns_on_the_slots_of_a_worker(tmp_path: Path) -> None:
    order = tmp_path / "order"
    with LocalAgent(tmp_path, "one") as one, LocalAgent(tmp_path, "two") as two:
        one.start("first", "sleep 0.6", slots=1)
        for number in range(3):
            for name, agent in (("one", one), ("two", two)):
                agent.start(f"t{number}", f"echo {name} >> {order}; sleep 0.05", slots=1)
                agent.hear("waits")
        for agent in (one, two):
            for _ in range(3):
                agent.hear("began")
        assert eventually(lambda: order.exists() and len(order.read_text().split()) == 6)
        assert order.read_text().split() == ["one", "two"] * 3


def test_an_attempt_that_waits_for_a_slot_can_be_killed(tmp_path: Path) -> None:
    with LocalAgent(tmp_path) as agent:
        agent.start("long", "sleep 60", slots=1)
        agent.start("t", "touch never", slots=1)
        agent.hear("waits")
        agent.say(t="kill", task="t", attempt=1, reason="cancelled")
        receipt = agent.hear("end")
        assert (receipt["task"], receipt["reason"], receipt["code"]) == ("t", "cancelled", None)
        assert not agent.work("t").exists()


@pytest.mark.parametrize("strike", ["the agent ends", "the agent is killed"])
def test_the_slots_of_an_agent_that_ends_are_free(tmp_path: Path, strike: str) -> None:
    with LocalAgent(tmp_path, "one") as one, LocalAgent(tmp_path, "two") as two:
        one.start("long", "echo $$ > pid; exec sleep 60", slots=1)
        pid = int(written(one.work("long") / "pid"))
        two.start("t", "true", slots=1)
        two.hear("waits")
        one.process.terminate() if strike == "the agent ends" else one.process.kill()
        assert two.hear("end")["code"] == 0
        assert gone(pid)
