"""Releases on the lab, with w4 as the pipeline's host: listed, shown, verified, rolled back, pruned."""

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from command import ROOT, Ended, farm
from provisioning import answer, on

from farm import runs
from farm.errors import Exit
from farm.home import Home
from farm.journal import Journal, Task

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

HOSTS = ("w1", "w2", "w3", "w4")
FORMER = "f0" * 32
UNNEEDED = "e0" * 32
HOOK = "test -e /run/may-restart && readlink /opt/farm/current >> /run/restarts"


def everywhere(command: str) -> None:
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda host: answer(host, command), HOSTS))


def moved(digest: str, current: str) -> str:
    """A shell's commands that make another release of the current one: its venv, at home in another place."""
    here, there = f"/opt/farm/releases/{current}", f"/opt/farm/releases/{digest}"
    return (
        f"rm -rf {there} && cp -a {here} {there}"
        f" && sed -i s/{current}/{digest}/ $(grep -lIs {current} {there}/bin/* {there}/pyvenv.cfg) {there}/RELEASE.json"
    )


@dataclass(frozen=True)
class Releases:
    """The lab with w4 in group pipeline, and a former release beside the current one."""

    current: str
    inventory: Path

    def farm(self, verb: str, *arguments: str) -> Ended:
        return farm("release", verb, *arguments, "--inventory", str(self.inventory))

    def list(self) -> dict[str, Any]:
        return dict(json.loads(self.farm("list", "--json").stdout))


@pytest.fixture(scope="module")
def releases(provisioned: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Releases]:
    inventory = shutil.copytree(ROOT / "inventory" / "lab", tmp_path_factory.mktemp("inventory") / "lab")
    hosts = inventory / "hosts.yml"
    groups = hosts.read_text().replace(", w4: {}}", "}")
    hosts.write_text(groups.replace("pipeline:\n      hosts: {}", "pipeline:\n      hosts: {w4: {}}"))
    (inventory / "group_vars" / "pipeline.yml").write_text(json.dumps({"farm_pipeline_restart": HOOK}))
    current = answer("w1", "readlink /opt/farm/current").rpartition("/")[2]
    before = {host: answer(host, "readlink /opt/farm/previous || true") for host in HOSTS}
    everywhere(f"{moved(FORMER, current)} && ln -sfn /opt/farm/releases/{FORMER} /opt/farm/previous")
    try:
        answer("w4", f"ln -sfn /opt/farm/releases/{current} /opt/farm/restarted")
        yield Releases(current, inventory)
    finally:
        everywhere(f"ln -sfn /opt/farm/releases/{current} /opt/farm/current")
        everywhere("rm -f /opt/farm/previous /opt/farm/restarted")
        everywhere(f"rm -rf /opt/farm/releases/{FORMER} /opt/farm/releases/{UNNEEDED} /run/may-restart /run/restarts")
        for host, link in before.items():
            answer(host, f"[ -z '{link}' ] || ln -sfn '{link}' /opt/farm/previous")


def test_what_is_where_is_listed_by_host_pipeline_included(releases: Releases) -> None:
    said = releases.list()
    assert {host["name"]: host["roles"] for host in said["hosts"]} == {
        "w1": ["worker"], "w2": ["worker"], "w3": ["worker"], "w4": ["pipeline"]
    }  # fmt: skip
    for host in said["hosts"]:
        assert (host["current"], host["previous"], host["error"]) == (releases.current, FORMER, None)
        assert {releases.current, FORMER} <= {each["digest"] for each in host["releases"]}
    table = releases.farm("list")
    assert table.code == 0, table.stderr
    assert "(pipeline)" in table.stdout
    assert releases.current[:12] in table.stdout


def test_the_files_of_a_release_are_held_against_those_that_were_installed(releases: Releases) -> None:
    well = releases.farm("show", "--verify", "--json").json()
    assert (well["digest"], well["hosts"]["current"]) == (releases.current, list(HOSTS))
    assert well["release"]["wheels"]
    assert well["verified"] == {host: [] for host in HOSTS}
    spoilt = releases.farm("show", FORMER[:5], "--verify", "--json")  # its scripts begin with another path now
    assert spoilt.code == Exit.RELEASE
    assert f"release {FORMER[:12]} is not as it was installed on w1, w2, w3, w4" in spoilt.stderr
    for said in json.loads(spoilt.stdout)["verified"].values():
        assert "bin/farm-agent was changed" in said
        assert all(each.startswith("bin/") for each in said)


def test_a_tasks_starter_compares_the_runs_release_with_its_own(releases: Releases) -> None:
    agent = f"/opt/farm/releases/{releases.current}/bin/farm-agent --run x --env lab --root /tmp/never < /dev/null"
    refused = on("w1", f"FARM_RELEASE={FORMER} exec runuser -u farm -- {agent}")
    assert refused.returncode != 0
    assert json.loads(refused.stdout)["t"] == "refused"
    assert on("w1", "test -e /tmp/never").returncode == 1


def test_hosts_that_differ_are_named_and_the_exit_code_says_so(releases: Releases) -> None:
    answer("w4", f"ln -sfn /opt/farm/releases/{FORMER} /opt/farm/current")
    try:
        said = releases.farm("list")
    finally:
        answer("w4", f"ln -sfn /opt/farm/releases/{releases.current} /opt/farm/current")
    assert said.code == Exit.RELEASE
    assert f"w1, w2, w3: {releases.current[:12]}; w4: {FORMER[:12]}" in said.stderr


def test_a_rollback_goes_on_where_it_was_stopped_and_restarts_the_pipeline_once(releases: Releases) -> None:
    stopped = releases.farm("rollback", "--json")  # the pipeline's hook fails
    assert stopped.code == Exit.RELEASE
    assert "playbooks/rollback.yml ended with 2" in stopped.stderr
    everywhere("touch /run/may-restart")
    said = releases.farm("rollback", "--json").json()
    assert [(host["current"], host["previous"]) for host in said["hosts"]] == [(FORMER, None)] * 4
    assert answer("w4", "cat /run/restarts") == f"/opt/farm/releases/{FORMER}"
    assert on("w1", "test -e /run/restarts").returncode == 1
    done = farm("busy", "--tasks", "4", "--seconds", "0.1", "--limit", "w1,w2,w3", "--json").json()
    assert done["done"] == 4
    journal = Journal(runs.find("lab", done["run"]).journal)
    assert journal.meta()["release"] == FORMER
    journal.close()
    again = releases.farm("rollback")
    assert again.code == Exit.RELEASE
    assert "there is no former release to go back to" in " ".join(again.stderr.split())


@pytest.fixture
def unfinished(releases: Releases) -> Iterator[runs.Run]:
    """A run of the release that nobody needs otherwise, with a task that is not done."""
    run = runs.create("lab", "run")
    Journal.create(run.journal, {"release": UNNEEDED}, [Task("t1", "true")]).close()
    yield run
    shutil.rmtree(run.folder)


def test_only_releases_that_no_run_and_no_process_needs_are_pruned(releases: Releases, unfinished: runs.Run) -> None:
    everywhere(f"ln -sfn /opt/farm/releases/{releases.current} /opt/farm/previous")  # it stays for the other tests
    everywhere(moved(UNNEEDED, releases.current))
    archive = Home("lab").releases / UNNEEDED
    archive.mkdir()
    (archive / "worker.tar").touch()
    needed = releases.farm("prune", "--dry-run", "--json").json()
    assert UNNEEDED not in [each["release"] for each in needed["gone"]]
    assert {"release": UNNEEDED, "why": f"run {unfinished.id} needs it: 1 of its tasks are not done"} in needed["kept"]

    unfinished.journal.rename(unfinished.folder / "aside")
    dry = releases.farm("prune", "--dry-run", "--json").json()
    places = [each["host"] for each in dry["gone"] if each["release"] == UNNEEDED]
    assert sorted(places) == ["head", *HOSTS]
    linked = {digest for host in releases.list()["hosts"] for digest in (host["current"], host["previous"])}
    assert linked.isdisjoint(each["release"] for each in dry["gone"])

    answer("w1", f"systemd-run --unit=holder --collect tail -f /opt/farm/releases/{UNNEEDED}/RELEASE.json")
    try:
        part = releases.farm("prune", "--json").json()
    finally:
        answer("w1", "systemctl stop holder")
    assert sorted(each["host"] for each in part["gone"] if each["release"] == UNNEEDED) == ["w2", "w3", "w4"]
    assert {"release": UNNEEDED, "why": "a process on w1 works with it"} in part["kept"]
    rest = releases.farm("prune", "--json").json()
    assert sorted(each["host"] for each in rest["gone"] if each["release"] == UNNEEDED) == ["head", "w1"]
    assert not archive.exists()
    assert [each["digest"] for host in releases.list()["hosts"] for each in host["releases"]].count(UNNEEDED) == 0
