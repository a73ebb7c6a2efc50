"""Inventories as users write them, and the one clear sentence for each that cannot be read."""

from pathlib import Path

import pytest

from farm import given
from farm.errors import InventoryError, LabError
from farm.inventory import Inventory, Jump, load

HOSTS = """
all:
  hosts:
    head: {ansible_connection: local}
    w1: {ansible_host: 192.0.2.1, farm_slots: 3}
    w2: {ansible_port: 2222}
    bare:
  children:
    workers: {children: {fast: {}, slow: {}}}
    fast: {hosts: {w1: {}}}
    slow: {hosts: {w2: {}}}
"""


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARM_HOME", str(tmp_path / "home"))


def write(folder: Path, hosts: str = HOSTS, **variables: str) -> Path:
    every = folder / "group_vars" / "all"
    every.mkdir(parents=True, exist_ok=True)
    folder.joinpath("hosts.yml").write_text(hosts)
    settings = {"a": "1"} | variables
    every.joinpath("vars.yml").write_text("\n".join(f"{key}: {value}" for key, value in settings.items()))
    return folder


def read(folder: Path, hosts: str = HOSTS, **variables: str) -> Inventory:
    return load(str(write(folder, hosts, **variables)))


def test_hosts_come_with_what_farm_needs_and_defaults(tmp_path: Path) -> None:
    inventory = read(tmp_path / "site")
    first, second = inventory.group("workers")
    assert (first.name, first.address, first.port, first.user, first.slots) == ("w1", "192.0.2.1", 22, "farm", 3)
    assert (second.name, second.address, second.port, second.slots) == ("w2", "w2", 2222, None)
    assert first.key == inventory.home.key
    assert not first.local
    assert inventory.env == "site"


def test_the_environment_has_its_settings_and_their_defaults(tmp_path: Path) -> None:
    plain = read(tmp_path / "plain")
    assert (plain.window, plain.zeros, plain.load_mode, plain.shared_dir) == (30, "zero", "upsert", None)
    settings = {"farm_window": "all", "farm_zeros": '"null"', "farm_load_mode": "update", "farm_shared_dir": "/mnt/x"}
    full = read(tmp_path / "full", **settings)
    assert (full.window, full.zeros, full.load_mode, full.shared_dir) == ("all", "null", "update", Path("/mnt/x"))
    assert full.digest != plain.digest
    assert read(tmp_path / "same").digest == plain.digest


JUMPS = {
    "-o ProxyJump=gate.example.org": Jump("gate.example.org", "farm", 22),
    "-o ProxyJump=me@gate.example.org:2222 -o Compression=yes": Jump("gate.example.org", "me", 2222),
    "-J gate.example.org": Jump("gate.example.org", "farm", 22),
    "-o UserKnownHostsFile={{ x }} -o ProxyJump=gate": Jump("gate", "farm", 22),
    "-o Compression=yes": None,
}
BAD = {
    '{ansible_host: "{{ address }}"}': "ansible_host of {}.*template",
    '{ansible_port: "{{ port }}"}': "ansible_port of {}.*template",
    "{ansible_port: http}": "ansible_port of {}.*whole number",
    "{farm_slots: -1}": "farm_slots of {}.*whole number",
    "{farm_slots: true}": "farm_slots of {}.*whole number",
    "{farm_user: [a, b]}": "farm_user of {}.*one string",
    '{ansible_ssh_common_args: "-J {{ gate }}"}': "ProxyJump.*{}.*template",
    '{ansible_ssh_common_args: "-J one,two"}': "{}.*one hop",
    "{farm_user: !vault secret}": "farm_user of {}.*vault",
}


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    """A group of one host for each of the above, j0 to j4 and b0 to b8."""
    hosts = {f"j{number}": f'{{ansible_ssh_common_args: "{each}"}}' for number, each in enumerate(JUMPS)}
    hosts |= {f"b{number}": each for number, each in enumerate(BAD)}
    groups = [f"{name}: {{hosts: {{host-{name}: {variables}}}}}" for name, variables in hosts.items()]
    groups.append("workers: {hosts: {w1: {ansible_connection: local}}}")
    return read(tmp_path_factory.mktemp("many") / "site", "\n".join(groups))


@pytest.mark.parametrize(("number", "jump"), list(enumerate(JUMPS.values())))
def test_one_hop_is_read_from_the_ssh_arguments(many: Inventory, number: int, jump: Jump | None) -> None:
    (host,) = many.group(f"j{number}")
    assert host.jump == jump


@pytest.mark.parametrize(("number", "message"), list(enumerate(BAD.values())))
def test_a_variable_that_is_no_literal_is_named_with_its_host(many: Inventory, number: int, message: str) -> None:
    with pytest.raises(InventoryError, match=message.format(f"host-b{number}")):
        many.group(f"b{number}")


def test_a_worker_is_reached_over_ssh_and_not_locally(many: Inventory) -> None:
    with pytest.raises(InventoryError, match="local is not for workers, and w1"):
        many.group("workers")


def test_an_inventory_is_named_as_the_command_line_takes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ansible.cfg").touch()
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "inventory" / "site")
    write(tmp_path / "elsewhere" / "site")
    assert load("site").argument == load("inventory/site").argument == "site"
    other = load("elsewhere/site")
    assert (other.env, other.argument) == ("site", str(tmp_path / "elsewhere" / "site"))


def test_an_unknown_name_lists_the_ones_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "inventory" / "mine")
    write(tmp_path / "inventory" / "other")
    (tmp_path / "ansible.cfg").touch()
    below = tmp_path / "some" / "folder"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert load("mine").env == "mine"
    with pytest.raises(InventoryError, match=r"no inventory 'theirs'.*mine, other"):
        load("theirs")


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match="nowhere"):
        load(str(tmp_path / "nowhere"))


def test_an_inventory_without_hosts_is_called_empty(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match="is empty"):
        read(tmp_path / "site", "workers:\n  hosts: {}\n")


def test_a_folder_without_a_file_is_called_empty(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    with pytest.raises(InventoryError, match="empty"):
        load(str(folder))


def test_a_broken_file_is_named_with_its_fault_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match=r"cannot be read: YAML parsing failed.*hosts\.yml") as caught:
        read(tmp_path / "site", "workers: [\n")
    assert "\n" not in str(caught.value)


def test_a_group_without_hosts_is_named(many: Inventory) -> None:
    with pytest.raises(InventoryError, match="no host in group loader"):
        many.group("loader")


def test_a_setting_of_the_environment_that_differs_between_hosts_is_refused(tmp_path: Path) -> None:
    hosts = "workers:\n  hosts:\n    w1: {farm_window: 10}\n    w2: {farm_window: 20}\n"
    with pytest.raises(InventoryError, match=r"farm_window.*differs"):
        read(tmp_path / "site", hosts)


@pytest.mark.parametrize("setting", [{"farm_zeros": "nothing"}, {"farm_window": "soon"}])
def test_a_setting_that_means_nothing_is_refused(tmp_path: Path, setting: dict[str, str]) -> None:
    with pytest.raises(InventoryError, match=next(iter(setting))):
        read(tmp_path / "site", **setting)


def test_zeros_are_null_only_where_the_survey_has_them_so(tmp_path: Path) -> None:
    assert read(tmp_path / "ztf", farm_zeros='"null"').of("lsst").zeros == "zero"
    assert read(tmp_path / "lsst", farm_survey="lsst").zeros == "zero"
    with pytest.raises(InventoryError, match=r"farm_zeros of every host .* a zero of survey lsst is a value: write"):
        read(tmp_path / "wrong", farm_survey="lsst", farm_zeros='"null"')


def test_what_comes_from_outside_cassandra_is_named_by_survey(tmp_path: Path) -> None:
    sources = '{ebv: "/srv/the dust", sherlock: classified}'
    full = read(tmp_path / "full", farm_survey="lsst", farm_given=sources)
    assert given.maps(full) == "--given ebv='/srv/the dust' "
    assert (
        given.options(full) == given.maps(full) + '--given sherlock="/var/lib/farm/runs/$FARM_RUN/prepared/sherlock" '
    )
    assert given.without(full) == {}
    some = read(tmp_path / "some", farm_survey="lsst", farm_given="{ebv: /srv/dust}")
    assert list(given.without(some)) == ["sherlock"]
    assert given.bring(some, None, tmp_path / "given.tar") is None
    ztf = full.of("ztf")
    assert (given.options(ztf), given.without(ztf)) == ("", {})


@pytest.mark.parametrize(
    ("survey", "sources", "why"),
    [
        ("lsst", "/srv/dust", "write the name of an input"),
        ("lsst", "{ebv: 3}", "write the name of an input"),
        ("lsst", '{ebv: "{{ dust }}"}', "write the name of an input"),
        ("lsst", "{dust: /srv/dust}", "names dust, and survey lsst has ebv, sherlock"),
        ("ztf", "{ebv: /srv/dust}", "names ebv, and survey ztf needs nothing from outside Cassandra"),
    ],
)
def test_a_source_of_nothing_is_refused(tmp_path: Path, survey: str, sources: str, why: str) -> None:
    with pytest.raises(InventoryError, match=rf"farm_given of every host in inventory site .*{why}"):
        read(tmp_path / "site", farm_survey=survey, farm_given=sources)


def test_the_lab_is_refused_when_its_bridge_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="farm lab up"):
        read(tmp_path / "site", farm_lab_bridge="nosuchbridge0")
