"""What the check tells of Cassandra's nodes, by the driver's own hosts and policy; its session alone is a stand-in.

The lab has one node, and tests/rebuild/test_rebuild_lab.py asks it.
"""

import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from cassandra.connection import DefaultEndPoint
from cassandra.policies import DCAwareRoundRobinPolicy, SimpleConvictionPolicy
from cassandra.pool import Host

from features.rebuild import cluster
from features.rebuild.cluster import TableReader


def host(last: int, dc: str = "dc1", up: bool | None = True) -> Host:
    made = Host(DefaultEndPoint(f"192.0.2.{last}"), SimpleConvictionPolicy, dc, "rack1", host_id=uuid.UUID(int=last))
    made.broadcast_rpc_address, made.release_version, made.is_up = f"192.0.2.{last}", f"5.0.{last}", up
    return made


class Driver:
    """A session that has connections to some hosts, to ``late`` after it was asked for them once."""

    client_protocol_handler = None

    def __init__(self, hosts: list[Host], connected: list[Host], late: list[Host]) -> None:
        self.cluster = SimpleNamespace(metadata=SimpleNamespace(all_hosts=lambda: hosts))
        self.policy = DCAwareRoundRobinPolicy("dc1")
        self.pools, self.late = connected, late

    def execute_async(self, statement: Any) -> Any:
        own = [(uuid.UUID(int=1), uuid.UUID(int=77))]
        peers = [(uuid.UUID(int=2), uuid.UUID(int=77)), (uuid.UUID(int=3), None), (uuid.UUID(int=9), uuid.UUID(int=5))]
        rows = own if "system.local" in statement.query_string else peers
        return SimpleNamespace(result=lambda: rows)

    def get_execution_profile(self, _name: object) -> Any:
        return SimpleNamespace(load_balancing_policy=self.policy)

    def get_pool_state(self) -> dict[Host, dict[str, int]]:
        now, self.pools = self.pools, [*self.pools, *self.late]
        return {each: {"open_count": 1} for each in now}


def told(hosts: list[Host], connected: list[Host], late: list[Host]) -> dict[str, dict[str, Any]]:
    reader = TableReader.__new__(TableReader)
    reader._session = Driver(hosts, connected, late)
    return {each["address"]: each for each in reader._nodes()}


def test_a_node_is_up_when_the_driver_has_connections_to_it() -> None:
    first, late, refused, far = host(1), host(2), host(3, up=False), host(9, "dc2", up=None)
    found = told([far, refused, late, first], [first], [late])
    assert list(found) == ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.9"]
    assert [each["up"] for each in found.values()] == [True, True, False, None]
    schema = str(uuid.UUID(int=77))
    assert [each["schema"] for each in found.values()] == [schema, schema, None, str(uuid.UUID(int=5))]
    assert found["192.0.2.2"]["version"] == "5.0.2"
    assert found["192.0.2.9"]["dc"] == "dc2"


def test_a_silent_node_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "NODE_SECONDS", 0.1)
    first, silent = host(1), host(2)
    assert [each["up"] for each in told([first, silent], [first], []).values()] == [True, False]
