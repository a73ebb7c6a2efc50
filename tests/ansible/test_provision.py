"""Provisioning the lab: looked at first, run, run again."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from provisioning import ROOT, FirstProvision, ProvisionResult, answer, as_farm, on, playbook, provision, secrets

from farm import lab
from farm.home import Home
from farm.inventory import load
from farm.provision.host_keys import ensure

pytestmark = [pytest.mark.lab, pytest.mark.timeout(500)]

WORKERS = ("w1", "w2", "w3", "w4")
GALERA = ("g1", "g2", "g3")
HERE = "localhost"


@pytest.fixture(scope="module")
def again(provisioned: None) -> ProvisionResult:
    return provision()


@pytest.fixture(scope="module")
def checked_again(again: ProvisionResult) -> ProvisionResult:
    return provision(check=True)


def quietly(hosts: str, *arguments: str) -> ProvisionResult:
    """Provision some hosts only, which is quicker."""
    return playbook("provision.yml", "--limit", f"{hosts},{HERE}", *arguments)


def test_check_mode_before_the_first_run_fails_nowhere(first_provision: FirstProvision) -> None:
    assert first_provision.check.returncode == 0, first_provision.check.output
    assert first_provision.check.unwell == ()


def test_check_mode_reports_nine_tenths_of_what_the_run_then_changes(first_provision: FirstProvision) -> None:
    changed = first_provision.run.changed
    assert first_provision.run.returncode == 0, first_provision.run.output
    foretold = sum(min(count, first_provision.check.changed[host]) for host, count in changed.items())
    assert foretold >= 0.9 * sum(changed.values()) > 40


def test_check_mode_writes_nothing_on_any_host_or_on_the_head(first_provision: FirstProvision) -> None:
    assert first_provision.written_by_check == {}


def test_a_second_run_changes_nothing(again: ProvisionResult) -> None:
    assert again.returncode == 0, again.output
    assert not any(again.changed.values()), again.stdout


def test_a_second_run_looked_at_every_role(again: ProvisionResult) -> None:
    """So that the test above says something about each; what only other playbooks apply is tested with them."""
    elsewhere = {"reset", "upgrade"}
    looked_at = set(re.findall(r"^TASK \[(\w+) : ", again.stdout, re.MULTILINE))
    assert {path.name for path in (ROOT / "roles").iterdir()} - looked_at <= elsewhere


def test_check_mode_after_the_run_reports_nothing(checked_again: ProvisionResult) -> None:
    assert checked_again.returncode == 0, checked_again.output
    assert not any(checked_again.changed.values()), checked_again.stdout


def test_no_output_shows_a_secret(
    first_provision: FirstProvision, again: ProvisionResult, checked_again: ProvisionResult
) -> None:
    for result in (first_provision.check, first_provision.run, again, checked_again):
        assert [name for name, secret in secrets().items() if secret in result.output] == []


@pytest.mark.parametrize("host", [host.name for host in lab.HOSTS])
def test_no_host_keeps_a_secret_in_a_log(provisioned: None, host: str) -> None:
    """A word that was logged on purpose shows that the search finds what there is."""
    everything = "{ journalctl --sync; journalctl --no-pager -o cat; find /var/log -type f -exec cat {} +; } 2>&1"
    look = f"cat > /dev/shm/words; logger seen-by-the-search; {everything} | grep -aoFf /dev/shm/words | sort -u"
    words = "".join(f"{word}\n" for word in ["seen-by-the-search", *secrets().values()])
    try:
        found = on(host, look, stdin=words).stdout
    finally:
        answer(host, "rm /dev/shm/words")
    assert found.split() == ["seen-by-the-search"]


@pytest.mark.parametrize("worker", WORKERS)
def test_the_farms_user_has_a_bare_shell_and_no_password(provisioned: None, worker: str) -> None:
    assert answer(worker, "getent passwd farm").split(":")[5:] == ["/home/farm", "/bin/sh"]
    assert answer(worker, "getent shadow farm").split(":")[1].startswith("!")
    assert answer(worker, "id -nG farm") == "farm"


@pytest.mark.parametrize("worker", WORKERS)
def test_the_farms_key_is_restricted_and_its_user_cannot_change_that(provisioned: None, worker: str) -> None:
    public = Home("lab").key.with_suffix(".pub").read_text().strip()
    assert answer(worker, "cat ~farm/.ssh/authorized_keys") == f"restrict {public}"
    assert on(worker, "runuser -u farm -- test -w /home/farm/.ssh/authorized_keys").returncode == 1
    assert on(worker, "runuser -u farm -- test -w /home/farm/.ssh").returncode == 1


def test_the_farms_key_runs_commands_and_moves_files_and_opens_no_terminal_or_tunnel(
    provisioned: None,
) -> None:
    command = subprocess.run([*as_farm("w1"), "echo $0 $USER"], capture_output=True, text=True, check=False)
    assert command.stdout == "sh farm\n"
    terminal = subprocess.run([*as_farm("w1", "-tt"), "tty"], capture_output=True, text=True, check=False)
    assert "PTY allocation request failed" in terminal.stderr
    through = as_farm("w1", "-W", f"{lab.find('c1').address}:9042")
    tunnel = subprocess.run(through, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=30)
    assert "prohibited" in tunnel.stderr
    files = subprocess.run(
        ["sftp", "-q", *as_farm("w1")[1:]], input="pwd\n", capture_output=True, text=True, check=False
    )
    assert "/home/farm" in files.stdout


@pytest.mark.parametrize("worker", WORKERS)
def test_the_farms_user_reads_its_configuration_and_nobody_else_does(provisioned: None, worker: str) -> None:
    assert answer(worker, "stat -c '%U %G %a' /etc/farm/cassandra.json /var/lib/farm") == "root farm 640\nfarm farm 750"
    settings = json.loads(answer(worker, "runuser -u farm -- cat /etc/farm/cassandra.json"))
    assert settings["contact_points"] == [lab.find("c1").address]
    assert (settings["username"], settings["password"]) == ("farm_reader", secrets()["cassandra_reader"])
    assert on(worker, "runuser -u nobody -- cat /etc/farm/cassandra.json").returncode != 0


def test_all_workers_hold_one_release_that_is_roots_and_complete(provisioned: None) -> None:
    releases = [json.loads(answer(worker, "cat /opt/farm/current/RELEASE.json")) for worker in WORKERS]
    digests = {release["digest"] for release in releases}
    assert len(digests) == 1
    for worker in WORKERS:
        assert answer(worker, "readlink /opt/farm/current") == f"/opt/farm/releases/{digests.copy().pop()}"
        assert answer(worker, "find /opt/farm ! -user root -o -perm /022 ! -type l") == ""
        assert answer(worker, "runuser -u farm -- /opt/farm/current/bin/rebuild_objects --help").startswith("usage:")


@pytest.mark.faults
def test_a_half_made_release_is_made_again(provisioned: None) -> None:
    release = answer("w4", "readlink /opt/farm/current")
    answer("w4", f"rm -r {release}/RELEASE.json {release}/lib/python3*/site-packages/numpy")
    assert quietly("w4").returncode == 0
    assert json.loads(answer("w4", f"cat {release}/RELEASE.json"))["digest"] == release.rpartition("/")[2]
    answer("w4", "/opt/farm/current/bin/python -c 'import numpy'")


@pytest.mark.faults
def test_a_release_that_fails_its_test_leaves_nothing_behind_and_the_old_one_current(
    provisioned: None,
) -> None:
    release = answer("w4", "readlink /opt/farm/current")
    answer("w4", f"mv {release} {release}.kept && ln -sfn {release}.kept /opt/farm/current")
    answer("w4", "mv /usr/share/python-wheels /usr/share/python-wheels.away")
    try:
        done = quietly("w4")
        assert done.returncode == 2
        assert "could not be staged on w4, which keeps what it had: there is no pip" in " ".join(done.stdout.split())
        assert answer("w4", "readlink /opt/farm/current") == f"{release}.kept"
        assert on("w4", f"test -e {release}").returncode == 1
    finally:
        answer("w4", "mv /usr/share/python-wheels.away /usr/share/python-wheels")
        answer("w4", f"mv -T {release}.kept {release} && ln -sfn {release} /opt/farm/current")


def test_keys_are_taken_only_when_the_operator_says_so_and_their_fingerprints_are_named(
    provisioned: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned = Home("lab").known_hosts.read_text()
    inventory = load("lab")
    monkeypatch.setenv("FARM_HOME", str(tmp_path))
    refused = playbook("provision.yml", "--limit", HERE)
    assert refused.returncode != 0
    assert "-e accept_new_host_keys=true" in " ".join(refused.stdout.split())
    taken = playbook("provision.yml", "--limit", HERE, "-e", "accept_new_host_keys=true")
    assert taken.returncode == 0, taken.output
    shown = re.findall(r"\d+ SHA256:\S+ (198\.18\.77\.\d+) \(", " ".join(taken.stdout.split()))
    assert set(shown) == {host.address for host in lab.HOSTS}
    assert set(pinned.split()) <= set(Home("lab").known_hosts.read_text().split())
    assert ensure(inventory, accept_new=False, write=True) == {"changed": [], "fingerprints": []}


@pytest.mark.faults
def test_a_loader_of_its_own_can_load_and_shows_its_account_to_nobody(provisioned: None, tmp_path: Path) -> None:
    """In the lab the head is the loader; in an inventory of the same name it is c1, which has no user farm."""
    inventory = shutil.copytree(ROOT / "inventory" / "lab", tmp_path / "lab")
    hosts = inventory / "hosts.yml"
    hosts.write_text(
        hosts.read_text().replace("loader:\n      hosts: {localhost: {}}", "loader:\n      hosts: {c1: {}}")
    )
    done = playbook("provision.yml", "--limit", f"c1,{HERE}", inventory=str(inventory))
    assert done.returncode == 0, done.output
    for again in ((), ("--check",)):
        unchanged = playbook("provision.yml", "--limit", f"c1,{HERE}", *again, inventory=str(inventory))
        assert (unchanged.returncode, unchanged.changed["c1"]) == (0, 0), unchanged.output
    assert [name for name, secret in secrets().items() if secret in done.output] == []
    assert answer("c1", "stat -c '%U %a' /etc/farm/loader.cnf /var/lib/farm/loads") == "farm 600\nfarm 750"
    kept = answer("c1", "runuser -u farm -- cat /etc/farm/loader.cnf")
    assert kept == Home("lab").secret("galera_loader.cnf").read_text().strip()
    program = "runuser -u farm -- /opt/farm/current/bin/csv_to_database"
    assert answer("c1", f"{program} --help").startswith("usage:")
    check = "/opt/farm/current/bin/csv_to_database --check --option-file /etc/farm/loader.cnf"
    assert json.loads(answer("c1", f"sudo -u farm {check}"))
    assert "mysql" in answer("c1", "ls /opt/farm/current/lib/python3.11/site-packages")
    reset = "playbooks/reset.yml", "--limit", f"c1,{HERE}", "-e", "reset_confirmed=true"
    gone = playbook(*reset, inventory=str(inventory))
    assert gone.returncode == 0, gone.output
    assert answer("c1", "ls -d /opt/farm /etc/farm /var/lib/farm 2>/dev/null || getent passwd farm || true") == ""
    assert answer("c1", "systemctl is-active cassandra") == "active"
    assert Home("lab").key.exists()


@pytest.mark.faults
def test_a_host_that_is_down_is_named_and_nothing_changes_anywhere(provisioned: None) -> None:
    lab.cut("w4")
    try:
        answer("w3", "rm /etc/farm/cassandra.json")
        done = provision()
        assert done.returncode != 0
        assert "w4 cannot be reached (the reason is above). Nothing was changed" in " ".join(done.stdout.split())
        assert not any(done.changed.values())
        left_out = quietly("w3,w4", "-e", "skip_down=true")
        assert left_out.returncode != 0
        assert "Left out, since it is down: w4" in left_out.stdout
        assert left_out.unwell == ("w4",)
        answer("w3", "test -s /etc/farm/cassandra.json")
    finally:
        lab.heal("w4")
