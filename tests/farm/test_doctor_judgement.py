"""What the doctor makes of answers, where the lab alone cannot show every case: nothing here is asked of anybody."""

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from farm.doctor import advice, head, of_cassandra, of_galera, of_hosts, show
from farm.doctor.finding import Check, Kind, Severity, code
from farm.doctor.hosts import Route, Visit
from farm.doctor.nodes import NodeSaid
from farm.doctor.of_hosts import LEAST_BYTES, Needs
from farm.doctor.shared import marked, seen
from farm.errors import Exit, GaleraError, HostKeyError, UnreachableError
from farm.galera import Account
from farm.inventory import Host, Inventory, Jump
from farm.preflight import Facts, Report
from farm.transport import Completed, Session
from features import survey

MIB = 2**20
ZTF = survey("ztf")


def host(name: str = "w1", jump: Jump | None = None, port: int = 22) -> Host:
    return Host(name, f"{name}.example.org", port, "farm", Path("/k"), 2, False, jump)


def visit(name: str = "w1", roles: tuple[str, ...] = ("worker",), free: int = 2**40, **more: Any) -> Visit:
    facts = Facts(2, 0.1, 2**34, 2**34, 2**40, free, 0, None)
    return Visit(host(name), roles, report=Report(host(name), facts, None), **more)


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inventory:
    monkeypatch.setenv("FARM_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(advice, "VAULTS", tmp_path)
    return Inventory("prod", Path("inventory/prod"), "", "ztf", {}, 30, "zero", "upsert", None, None, {})


def named(checks: list[Check], name: str) -> Check:
    (found,) = (each for each in checks if each.name == name)
    return found


def of(check: Check, kind: Kind) -> dict[str, str]:
    return {each.where: each.what for each in check.findings if each.kind is kind}


def judged(inventory: Inventory, *visits: Visit, load: int = 0) -> list[Check]:
    return list(of_hosts.checks(inventory, visits, "schema", Needs(10 * MIB, load)))


def reached(version: str = "5.0.6", *nodes: dict[str, Any]) -> Route:
    told = {"schema": 1, "version": version, "latency_ms": 1.0}
    return Route(told | {"nodes": list(nodes)} if nodes else told, None)


def node(address: str, up: bool | None = True, schema: str | None = "a" * 36, version: str = "5.0.6") -> dict[str, Any]:
    return {"address": address, "dc": "dc1", "version": version, "schema": schema, "up": up}


def test_a_loader_of_its_own_needs_room_for_all_parts_and_old_values(inventory: Inventory) -> None:
    room = LEAST_BYTES + 50 * MIB
    visits = visit("w1", free=room), visit("l1", ("loader",), free=room), visit("w2", ("worker", "loader"), free=room)
    found = of(named(judged(inventory, *visits, load=45 * MIB), "disk"), Kind.DISK)
    assert list(found) == ["w2"], "which keeps the parts of its own tasks beside them"
    assert list(of(named(judged(inventory, *visits, load=60 * MIB), "disk"), Kind.DISK)) == ["l1", "w2"]


def test_another_release_needs_room_by_the_size_of_the_one_that_is_there(inventory: Inventory) -> None:
    told = {"release": "400000", "releases": "790000"}
    check = named(judged(inventory, visit(told=told), visit("w2", told=told | {"releases": "900000"})), "release room")
    assert list(of(check, Kind.RELEASE_ROOM)) == ["w1"]
    assert "farm release prune --inventory prod" in check.findings[0].todo


def test_a_host_that_lets_in_slowly_is_named(inventory: Inventory) -> None:
    check = named(judged(inventory, visit(connect=2.6), visit("w2", connect=0.2)), "login")
    assert of(check, Kind.SLOW_CONNECTION) == {"w1": "it takes 2.6 s to let user farm in"}


def test_a_shared_folder_is_asked_of_whoever_uses_it(inventory: Inventory, tmp_path: Path) -> None:
    inventory = replace(inventory, shared_dir=tmp_path)
    shared = {"w1": (), "w2": ("missing",), "w3": ("other", "shut"), "w4": ("it did not answer within 10 s",)}
    visits = [visit(name, shared=wrong) for name, wrong in shared.items()]
    check = named(judged(inventory, *visits, visit("p1", ("pipeline",))), "shared folder")
    assert check.said == f"1 of 4 hosts can use {tmp_path}"
    assert list(of(check, Kind.NO_SHARED_FOLDER)) == ["w2", "w4"]
    assert list(of(check, Kind.OTHER_SHARED_FOLDER)) == list(of(check, Kind.SHARED_FOLDER_SHUT)) == ["w3"]
    assert code([check]) == Exit.UNWELL


def test_the_mark_in_a_shared_folder_goes_again(tmp_path: Path) -> None:
    with marked(tmp_path) as mark:
        assert (tmp_path / mark).exists()
    assert list(tmp_path.iterdir()) == []
    for nowhere in (None, tmp_path / "nowhere"):
        with marked(nowhere) as mark:
            assert mark == ""


class Here:
    """A session whose host is this machine."""

    def run(self, command: str, timeout: float) -> Completed:
        done = subprocess.run(["sh", "-c", f"(\n{command}\n)"], capture_output=True, text=True, timeout=timeout)
        return Completed(done.returncode, done.stdout, done.stderr)


def test_a_host_says_what_is_wrong_with_its_shared_folder(tmp_path: Path) -> None:
    session = cast("Session", Here())
    with marked(tmp_path) as mark:
        assert seen(session, tmp_path, mark) == ()
        assert [path.name for path in tmp_path.iterdir()] == [mark]
    assert seen(session, tmp_path, mark) == ("other",)
    assert seen(session, tmp_path, "") == ()
    assert seen(session, tmp_path / "nowhere", mark) == ("missing",)
    assert seen(session, Path("/proc"), mark) == ("other", "shut")


def test_nodes_of_cassandra_that_are_down_are_told_from_those_that_one_host_has_no_way_to(inventory: Inventory) -> None:
    visits = [
        visit("w1", route=reached("5.0.6", node("a"), node("b", False), node("c", False), node("far", None))),
        visit("w2", route=reached("5.0.6", node("a"), node("b", False), node("c"), node("far", None))),
    ]
    check = named(list(of_cassandra.checks(inventory, visits)), "ring")
    found = of(check, Kind.CASSANDRA_NODE)
    assert "out of reach of all 2 hosts" in found["b"]
    assert "out of reach of w1, and 1 other hosts reach it" in found["c"]
    assert check.said == "4 nodes, of which 3 are read from"
    assert check.severity is Severity.WARNING, "one replica may be away"
    alone = named(list(of_cassandra.checks(inventory, visits[:1])), "ring")
    assert alone.severity is Severity.ERROR, "two may be two of one object's"


def test_nodes_of_cassandra_that_disagree_on_schema_or_version_are_found(inventory: Inventory) -> None:
    differing = node("b", schema="b" * 36, version="4.1.9")
    checks = list(of_cassandra.checks(inventory, [visit(route=reached("5.0.6", node("a"), differing))]))
    assert of(named(checks, "ring"), Kind.CASSANDRA_SCHEMA) == {
        "cassandra": "its nodes disagree on the schema (a: aaaaaaaa; b: bbbbbbbb)"
    }
    assert "4.1.9, 5.0.6" in of(named(checks, "version"), Kind.CASSANDRA_VERSIONS)["cassandra"]
    for quiet in (differing | {"up": False}, node("b", schema=None)):
        checks = list(of_cassandra.checks(inventory, [visit(route=reached("5.0.6", node("a"), quiet))]))
        assert of(named(checks, "ring"), Kind.CASSANDRA_SCHEMA) == {}


def test_a_release_from_before_the_nodes_were_told_leaves_the_ring_unasked(inventory: Inventory) -> None:
    checks = list(of_cassandra.checks(inventory, [visit(route=reached())]))
    assert named(checks, "route").severity is named(checks, "version").severity is Severity.OK
    assert named(checks, "ring").said == "not asked: no host told of its nodes"


def test_what_nobody_could_be_asked_is_not_called_well(inventory: Inventory) -> None:
    away = [Visit(host("w1"), ("worker",), error=UnreachableError("it is away")), visit("l1", ("loader",))]
    checks = [*judged(inventory, away[0]), *of_cassandra.checks(inventory, away)]
    dead = [NodeSaid("g1", GaleraError("it is away"))]
    checks += of_galera.checks(inventory, ZTF, dead, away, [], [])
    told = {each.name for each in checks if each.severity is Severity.OK}
    assert told == {"shared folder"}, "which there is none of"
    unasked = [each for each in checks if each.severity is Severity.UNASKED]
    assert {"clock", "memory", "route", "ring", "accounts", "loads", "lock", "schema", "loader"} <= {
        each.name for each in unasked
    }
    assert all(each.said.startswith("not asked: ") and each.as_json()["severity"] == "not asked" for each in unasked)
    lines = list(show.lines("prod", checks, 1.0))
    assert sum(line.startswith("  - ") for line in lines) == len(unasked)
    assert lines[-1].endswith(f", {len(unasked)} not asked")
    assert code(checks) == Exit.UNWELL


def test_accounts_that_were_tried_alone_are_said_to_be_let_in(inventory: Inventory) -> None:
    reader = Account(Path("/r.cnf"), "farm_reader", "x", 3306, "ztf", "prod", ("g1",), "upsert", "zero", 30)
    checks = list(of_galera.checks(inventory, ZTF, [], [], [reader], []))
    assert named(checks, "accounts").said == "let in: farm_reader"


def test_room_for_a_run_of_unknown_size_says_so(inventory: Inventory) -> None:
    inventory.home.make()
    assert "nobody knows how much" in head._room(inventory, 0).said


def test_provisioning_asks_for_the_password_of_a_vault(inventory: Inventory, tmp_path: Path) -> None:
    plain = "ansible-playbook -i inventory/prod provision.yml"
    assert advice.provision(inventory) == plain
    (tmp_path / "prod.yml").write_text("")
    assert advice.provision(inventory) == f"{plain} --ask-vault-pass"
    settings = named(judged(inventory, visit(roles=("loader",))), "settings")
    assert settings.findings[0].todo == f"{plain} --ask-vault-pass"


def test_a_host_key_behind_a_hop_is_scanned_on_the_hop(inventory: Inventory) -> None:
    hop = Jump("gate.example.org", "operator", 2200)
    behind, open_ = host("w1", hop, 2222), host("w2")

    def todo(which: Host, refused: str) -> str:
        check = named(judged(inventory, Visit(which, ("worker",), error=HostKeyError(refused))), "host keys")
        return check.findings[0].todo

    pins = inventory.home.known_hosts
    assert todo(open_, f"no key of {open_.where}").endswith("provision.yml -e accept_new_host_keys=true")
    told = todo(behind, f"no key of {behind.where}")
    assert f"-R '[w1.example.org]:2222' and run ssh-keyscan -p 2222 w1.example.org on the hop, {hop.host}" in told
    assert "accept_new_host_keys" not in told
    told = todo(behind, "no key of gate.example.org (gate.example.org:2200)")
    assert told.endswith(f"-R '[gate.example.org]:2200' and ssh-keyscan -p 2200 gate.example.org >> {pins}")
