"""How a load behaves beside others, as it is decided: what nodes say in; whether to go on, and the next chunk, out."""

from dataclasses import replace

import pytest

from farm.load.pacing import EAGER_SECONDS, FEWEST, MOST, Action, Others, Pace, Sample, judge
from farm.load.watch import limit

WELL = Sample(at=10.0, state="Synced", primary=True, queue=0, limit=16, paused_ns=0, sent=0, committed=100)


def cluster(**changes: object) -> dict[str, Sample]:
    """Three nodes, the last one with changes."""
    return {"g1": WELL, "g2": WELL, "g3": replace(WELL, **changes)}  # type: ignore[arg-type]


def test_a_cluster_that_is_well_lets_the_load_go_on() -> None:
    assert judge({}, cluster()).action is Action.GO


@pytest.mark.parametrize(("queue", "action"), [(1, Action.GO), (3, Action.SLOW), (5, Action.PAUSE), (16, Action.PAUSE)])
def test_a_growing_receive_queue_slows_and_then_pauses_the_load_before_its_limit(queue: int, action: Action) -> None:
    verdict = judge({}, cluster(queue=queue))
    assert verdict.action is action
    if action is not Action.GO:
        assert f"g3 has {queue} write-sets waiting, and stops the cluster from 16 on" in verdict.why


def test_a_cluster_with_a_larger_limit_may_have_a_longer_queue() -> None:
    assert judge({}, cluster(queue=5, limit=256)).action is Action.GO


@pytest.mark.parametrize("change", [{"sent": 1}, {"paused_ns": 50_000_000}])
def test_flow_control_pauses_the_load_until_it_is_over(change: dict[str, int]) -> None:
    engaged = cluster(at=10.2, **change)
    assert judge(cluster(), engaged).action is Action.PAUSE
    assert judge(engaged, engaged).action is Action.GO


@pytest.mark.parametrize("state", ["Donor/Desynced", "Joined", "Joining: receiving State Transfer"])
def test_a_node_that_is_not_synced_pauses_the_load(state: str) -> None:
    verdict = judge({}, cluster(state=state))
    assert (verdict.action, verdict.why) == (Action.PAUSE, f"g3 is not synced ({state})")


def test_a_node_that_is_gone_or_cut_off_stops_nothing_where_the_rest_has_quorum() -> None:
    two = cluster()
    del two["g3"]
    assert judge(cluster(), two).action is Action.GO
    assert judge(cluster(), cluster(primary=False, state="Initialized")).action is Action.GO


def test_without_quorum_the_load_stops_and_says_so() -> None:
    alone = {"g1": replace(WELL, primary=False, state="Initialized")}
    assert judge({}, alone).action is Action.STOP
    assert "no quorum: g1 cannot see the other nodes" in judge({}, alone).why


def test_a_load_that_knows_nothing_of_any_node_waits() -> None:
    assert judge({}, {}).action is Action.PAUSE


def test_others_are_known_by_the_commits_that_are_not_the_loads_own() -> None:
    others = Others()
    assert others.there, "nothing is known yet"
    for tick in range(20):
        others.see(0.2 * tick, committed=100 + 3 * tick, own=3 * tick)
    assert not others.there
    for tick in range(20, 40):
        others.see(0.2 * tick, committed=100 + 5 * tick, own=3 * tick)
    assert others.there


def test_others_that_have_gone_are_forgotten() -> None:
    others = Others()
    for tick in range(40):
        others.see(0.2 * tick, committed=min(tick, 20) * 40, own=0)
    assert not others.there


def chunks(pace: Pace, cost: float, gentle: bool, number: int = 40, overhead: float = 0.0) -> float:
    """Merge chunks that cost so many seconds a row; returns rows a second, rests included."""
    rows, seconds = 0, 0.0
    for _ in range(number):
        size, busy = pace.rows, overhead + cost * pace.rows
        seconds += busy + max(pace.after(size, busy, busy, gentle), 0.0)
        rows += size
    return rows / seconds


def test_alone_a_chunk_takes_the_time_that_is_wanted_of_it() -> None:
    pace = Pace()
    chunks(pace, cost=1e-3, gentle=False)
    assert pace.rows * 1e-3 == pytest.approx(EAGER_SECONDS, rel=0.1)
    chunks(pace, cost=1e-6, gentle=False)
    assert pace.rows == MOST


def test_beside_others_chunks_are_small_and_the_rests_are_as_long_at_least() -> None:
    pace = Pace()
    rate = chunks(pace, cost=1e-4, gentle=True)
    assert FEWEST <= pace.rows <= 200
    assert rate <= 0.5 / 1e-4


@pytest.mark.parametrize("gentle", [True, False])
def test_a_greatest_rate_is_kept(gentle: bool) -> None:
    assert chunks(Pace(max_rate=500), cost=1e-5, gentle=gentle) <= 500


def test_the_limit_of_a_node_is_read_from_its_options() -> None:
    assert limit("gcs.fc_debug = 0; gcs.fc_factor = 1.0; gcs.fc_limit = 128; gcs.fc_master_slave = no") == 128
    assert limit("") == 16
