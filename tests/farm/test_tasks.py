"""Files of command lines as users write them."""

from pathlib import Path

import pytest
from command import farm

from farm.errors import Exit, InputError
from farm.journal import Task
from farm.tasks import read, seconds


def tasks(folder: Path, text: str, timeout: float | None = None) -> list[Task]:
    file = folder / "tasks"
    file.write_text(text, encoding="utf-8")
    return read(str(file), timeout)


def test_a_line_is_a_command_as_it_stands(tmp_path: Path) -> None:
    lines = ["echo 'it''s' \"$(date)\" \\n", "  indented | piped", "echo ☃"]
    assert [task.command for task in tasks(tmp_path, "\n".join(["# a comment", "", *lines, ""]))] == lines


def test_ids_are_line_numbers_of_one_width(tmp_path: Path) -> None:
    assert [task.id for task in tasks(tmp_path, "a\n" * 10)][:2] == ["t01", "t02"]


def test_braces_of_a_command_are_its_own(tmp_path: Path) -> None:
    lines = ["awk '{print $1}' f{1,2} {} {id}", "echo ${FARM_TASK}"]
    assert [task.command for task in tasks(tmp_path, "\n".join(lines))] == lines


def test_json_lines_name_the_outputs_that_a_task_must_leave(tmp_path: Path) -> None:
    (first, second) = tasks(tmp_path, '{"command": "a", "outputs": ["x y.csv", "*/z"]}\n{"command": "b"}\n')
    assert (first.detail, second.detail) == ({"outputs": ["x y.csv", "*/z"]}, None)


def test_json_lines_write_durations_as_the_command_line_does(tmp_path: Path) -> None:
    (one, none) = tasks(tmp_path, '{"command": "a", "timeout": "10m"}\n{"command": "b", "timeout": null}\n', timeout=5)
    assert (one.timeout, none.timeout) == (600, None)


def test_json_lines_name_their_tasks_and_hold_newlines(tmp_path: Path) -> None:
    (first, second) = tasks(tmp_path, '{"id": "x", "command": "a\\nb", "timeout": 5}\n{"command": "c"}\n', timeout=9)
    assert (first.id, first.command, first.timeout) == ("x", "a\nb", 5)
    assert (second.command, second.timeout) == ("c", 9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no task"),
        ("# nothing\n", "has no task"),
        ("a\n{broken\n", "tasks:2: a line that begins with"),
        ('{"cmd": "a"}\n', "tasks:1: unknown cmd"),
        ('{"id": "a"}\n', "tasks:1: there is no command"),
        ('{"id": "a b", "command": "c"}\n', "tasks:1: the id 'a b'"),
        ('{"id": "../a", "command": "c"}\n', "tasks:1: the id"),
        ('{"command": "c", "timeout": "soon"}\n', "tasks:1: 'soon' is no duration"),
        ('{"command": "c", "timeout": 0}\n', "tasks:1: the timeout 0"),
        ('{"command": "c", "timeout": true}\n', "tasks:1: the timeout True"),
        ('a\n{"command": "c", "outputs": 5}\n', "tasks:2: the output 5"),
        ('{"command": "c", "outputs": [""]}\n', "tasks:1: the output ''"),
        ('{"command": "c", "outputs": ["/etc/passwd"]}\n', "tasks:1: the output '/etc/passwd' is outside"),
        ('{"command": "c", "outputs": ["a/../../b"]}\n', "tasks:1: the output 'a/../../b' is outside"),
        ('{"id": "a", "command": "c"}\n{"id": "a", "command": "d"}\n', "tasks:2: the id a stands in line 1 too"),
    ],
)
def test_a_line_that_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        tasks(tmp_path, text)


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing-here"):
        read(str(tmp_path / "nothing-here"), None)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="binary"):
        read(str(tmp_path / "binary"), None)


@pytest.mark.parametrize(("text", "value"), [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200), ("1d", 86400)])
def test_durations(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "soon", "-1", "0", "1w"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        seconds(text)


def test_a_dry_run_prints_the_tasks_and_asks_nobody(tmp_path: Path) -> None:
    (tmp_path / "tasks").write_text("echo one\n")
    said = farm("run", str(tmp_path / "tasks"), "--inventory", "nowhere", "--dry-run")
    assert (said.code, said.stdout) == (Exit.OK, "t1  echo one\n")
    told = farm("run", str(tmp_path / "tasks"), "--dry-run", "--json").json()
    assert told == {"schema": 1, "tasks": [{"id": "t1", "command": "echo one", "timeout": None}]}
    assert farm("run", str(tmp_path / "missing")).code == Exit.INPUT
