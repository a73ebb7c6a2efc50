"""The roles' form: what a linter does not see."""

import re
from pathlib import Path

import pytest
import yaml
from provisioning import ROOT, playbook

ROLES = sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir())
KEYWORDS = {
    *("name", "when", "register", "loop", "loop_control", "vars", "args", "environment", "delegate_to", "run_once"),
    *("become", "notify", "throttle", "no_log", "check_mode", "changed_when", "failed_when", "block", "rescue"),
    *("always", "until", "retries", "delay", "listen", "ignore_unreachable"),
}


def read(path: Path) -> object:
    return yaml.safe_load(path.read_text()) if path.exists() else None


def tasks(path: Path) -> list[dict[str, object]]:
    """Every task of a file, those in blocks too."""
    found, waiting = [], list(read(path) or [])
    while waiting:
        task = waiting.pop(0)
        found.append(task)
        for part in ("block", "rescue", "always"):
            waiting += task.get(part, [])
    return found


TASK_FILES = sorted(path for role in ROLES for folder in ("tasks", "handlers") for path in role.glob(f"{folder}/*.yml"))


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_role_specifies_the_variables_that_it_has_defaults_for(role: Path) -> None:
    defaults = set(read(role / "defaults/main.yml") or {})
    specified = {
        name
        for entry in read(role / "meta/argument_specs.yml")["argument_specs"].values()
        for name in entry.get("options", {})
    }
    assert defaults == specified


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_roles_variables_bear_its_name(role: Path) -> None:
    names = [*(read(role / "defaults/main.yml") or {}), *(read(role / "vars/main.yml") or {})]
    assert [name for name in names if not name.startswith(f"{role.name}_")] == []


def test_task_files_are_found() -> None:
    assert len(TASK_FILES) > 20


@pytest.mark.parametrize("path", TASK_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_modules_of_ansible_core_are_used(path: Path) -> None:
    used = {key for task in tasks(path) for key in task if key not in KEYWORDS}
    assert [name for name in used if not name.startswith("ansible.builtin.")] == []


@pytest.mark.parametrize("path", TASK_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_command_says_whether_it_changes_something(path: Path) -> None:
    for task in tasks(path):
        for module in ("ansible.builtin.command", "ansible.builtin.shell"):
            if module in task:
                arguments = {**task, **(task[module] if isinstance(task[module], dict) else {}), **task.get("args", {})}
                assert {"creates", "removes", "changed_when"} & set(arguments), task["name"]


@pytest.mark.parametrize("path", TASK_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_task_that_handles_secrets_logs_nothing(path: Path) -> None:
    secret = re.compile(r"secret|password|ask\b|galera_schema_statements|cassandra\.json")
    for task in tasks(path):
        given = {key: value for key, value in task.items() if key.startswith("ansible.builtin.")}
        if "ansible.builtin.assert" not in given and "ansible.builtin.file" not in given:
            reads = [text for text in strings(given) if secret.search(text) and "farm.provision" not in text]
            assert not reads or task.get("no_log") or "import_tasks" in str(given), task["name"]


def strings(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for each in value.values() for text in strings(each)]
    if isinstance(value, list):
        return [text for each in value for text in strings(each)]
    return [str(value)]


@pytest.mark.parametrize("environment", ["lab", "prod"])
@pytest.mark.parametrize("name", ["provision.yml", "playbooks/rotate_keys.yml", "playbooks/reset.yml"])
def test_the_playbook_is_well_formed_for_each_environment(environment: str, name: str) -> None:
    done = playbook(name, "--syntax-check", inventory=f"inventory/{environment}")
    assert done.returncode == 0, done.output
    assert "WARNING" not in done.output


def test_the_version_of_cassandra_is_the_one_that_is_fetched() -> None:
    pom = (ROOT / "roles/cassandra/files/pom.xml").read_text()
    version = read(ROOT / "roles/cassandra/defaults/main.yml")["cassandra_version"]
    assert f"<artifactId>cassandra-all</artifactId>\n      <version>{version}</version>" in pom
