"""What provisioning refuses before it does anything."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from provisioning import ROOT, playbook

from farm.errors import InventoryError, LabError
from farm.inventory import load
from farm.provision.inventory import check, reached
from farm.releases.standing import hosts as takers

Edit = Callable[[dict[str, dict[str, object]]], object]


def hosts(*names: str, **variables: object) -> dict[str, object]:
    return {"hosts": {name: dict(variables) for name in names}}


def good() -> dict[str, dict[str, object]]:
    """Groups of an inventory that is accepted."""
    return {
        "workers": hosts("w1", "w2"),
        "head": hosts("here", ansible_connection="local"),
        "loader": hosts("here"),
        "cassandra": hosts("c1"),
        "galera": hosts("g1", "g2", "g3"),
        "managed_cassandra": hosts("c1"),
        "managed_galera": hosts("g1", "g2", "g3"),
    }


def inventory(folder: Path, groups: dict[str, dict[str, object]], **variables: object) -> Path:
    """Write an inventory; nothing in these tests connects to its hosts."""
    path = folder / "inventory" / "example"
    path.mkdir(parents=True)
    (path / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": groups, "vars": variables}}))
    return path


def test_a_sound_inventory_is_accepted(tmp_path: Path) -> None:
    assert check(load(str(inventory(tmp_path, good())))) == {"env": "example"}


def test_the_example_of_production_is_accepted() -> None:
    assert check(load(str(ROOT / "inventory" / "prod"))) == {"env": "prod"}


def test_databases_that_are_not_ours_to_run_are_never_logged_in_to() -> None:
    names = [host.name for host in reached(load(str(ROOT / "inventory" / "prod")))]
    assert names == [*(f"worker0{number}.example.org" for number in range(1, 5)), "loader.example.org"]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda groups: groups.update(workers={"hosts": {}}), "no host in group workers"),
        (lambda groups: groups.pop("cassandra"), "different hosts|no host in group cassandra"),
        (lambda groups: groups.update(galera={}), "no host in group galera"),
        (lambda groups: groups.update(workers=hosts("w1", ansible_connection="local")), "not for workers, and w1"),
        (lambda groups: groups.update(head=hosts("here", ansible_connection="ssh")), "the head .* is not local"),
        (lambda groups: groups.update(loader=hosts("l1", "l2")), "group loader .* has l1, l2: leave one"),
        (lambda groups: groups.update(managed_galera=hosts("g1")), "managed_galera and galera .* different hosts"),
        (
            lambda groups: groups.update(managed_cassandra=hosts("c1", ansible_connection="local")),
            "c1 of group managed_cassandra .* is local",
        ),
        (
            lambda groups: groups.update(cassandra=hosts("c1", "c2"), managed_cassandra=hosts("c1", "c2")),
            "managed_cassandra .* more than one host",
        ),
        (
            lambda groups: groups.update(workers=hosts("w1", ansible_host="{{ address }}")),
            "ansible_host of w1 .* templ",
        ),
        (lambda groups: groups.update(galera=hosts("g1", "g2", "g3", ansible_port="some")), "ansible_port of g1"),
        (lambda groups: groups.update(loader=hosts("l1", ansible_connection="local")), "the loader l1 .* name it here"),
        (lambda groups: groups.update(pipeline=hosts("p1")), "farm_pipeline_restart of p1 .* is None"),
        (lambda groups: groups.update(pipeline=hosts("p1", farm_pipeline_restart=[])), r"restart of p1 .* is \[\]"),
        (
            lambda groups: groups.update(pipeline=hosts("p1", farm_pipeline_restart="x", ansible_connection="local")),
            "p1 of group pipeline .* is local",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_inventory_that_cannot_be_provisioned_is_refused(tmp_path: Path, edit: Edit, said: str) -> None:
    groups = good()
    edit(groups)
    with pytest.raises(InventoryError, match=said):
        check(load(str(inventory(tmp_path, groups))))


def test_a_pipeline_host_says_how_it_is_restarted_and_takes_part_in_all_that_is_done(tmp_path: Path) -> None:
    found = load(str(inventory(tmp_path, {**good(), "pipeline": hosts("p1", farm_pipeline_restart="restart it")})))
    assert check(found) == {"env": "example"}
    assert "p1" in [host.name for host in reached(found)]
    assert {host.name: roles for host, roles in takers(found).items()} == {
        "w1": ("worker",), "w2": ("worker",), "p1": ("pipeline",)
    }  # fmt: skip


@pytest.mark.parametrize(
    ("variable", "value"),
    [("farm_load_mode", "insert"), ("farm_zeros", "nothing"), ("farm_window", "month")],
)
def test_a_value_that_an_environment_cannot_have_is_refused(tmp_path: Path, variable: str, value: str) -> None:
    with pytest.raises(InventoryError, match=variable):
        check(load(str(inventory(tmp_path, good(), **{variable: value}))))


def test_a_lab_that_is_not_up_is_refused_and_the_way_out_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="farm lab up"):
        check(load(str(inventory(tmp_path, good(), farm_lab_bridge="nobridge0"))))


def test_the_playbook_stops_at_a_bad_inventory_with_its_reason_and_touches_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARM_HOME", str(tmp_path / "home"))
    path = inventory(tmp_path, {**good(), "workers": {}})
    done = playbook("provision.yml", inventory=str(path))
    assert done.returncode == 2
    assert "no host in group workers: put at least one there" in " ".join(done.stdout.split())
    assert "Traceback" not in done.output
    assert not (tmp_path / "home").exists()


def test_a_host_without_a_pinned_key_stops_the_playbook_and_both_ways_out_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARM_HOME", str(tmp_path / "home"))
    done = playbook("provision.yml", inventory=str(inventory(tmp_path, good())))
    said = " ".join(done.stdout.split())
    assert done.returncode == 2
    assert "no key of w1 (w1:22), w2 (w2:22)" in said
    assert "-e accept_new_host_keys=true" in said
    assert not (tmp_path / "home").exists()


def test_the_labs_inventory_is_what_a_bare_command_takes() -> None:
    assert "inventory = inventory/lab\n" in (ROOT / "ansible.cfg").read_text()
