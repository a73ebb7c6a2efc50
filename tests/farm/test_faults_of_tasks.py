"""Tasks that fail in every way, on the lab: each is told as what it was, and leaves nothing behind."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from heads import books, head, rows

from farm.errors import Exit
from farm.lab import cgroups
from farm.runs import Run

pytestmark = [pytest.mark.lab, pytest.mark.timeout(200)]

HOSTS = ("w3", "w4")
OPTIONS = ("--limit", ",".join(HOSTS), "--slots", "3")
MEMORY = 400 << 20
"""Bytes that each of these hosts has meanwhile."""
DAEMONS = """
setsid sleep 1000 &
(setsid sh -c 'trap "" TERM HUP; (sleep 1001 &); exec sleep 1002' > /dev/null 2>&1 &)
sleep 0.2
"""
"""One in a session of its own, and two whose parents are gone, one of which ignores SIGTERM."""
MISBEHAVING: dict[str, dict[str, Any]] = {
    "fails": {"command": "echo the last word >&2; exit 7"},
    "killed": {"command": "kill -KILL $$"},
    "crashes": {"command": "kill -SEGV $$"},
    "closes": {"command": "exec >&- 2>&-; sleep 0.3; exit 5"},
    "daemons": {"command": DAEMONS},
    "daemons-of-a-failure": {"command": DAEMONS + "exit 3"},
    "hangs": {"command": "sleep 1000", "timeout": 1},
    "ignores-term": {"command": 'trap "" TERM; while :; do sleep 1; done', "timeout": 1},
    "eats": {"command": "exec tail /dev/zero"},
    "eats-in-a-shell": {"command": "tail /dev/zero; exit $?"},
}
GOOD = 12


def set_memory(host: str, limit: str) -> None:
    """Limit what a host's processes have together; cgroup v1 or v2."""
    for hierarchy in cgroups.hierarchies():
        for name, unlimited in (("memory.max", "max"), ("memory.limit_in_bytes", "-1")):
            file = hierarchy / cgroups.GROUP / host / name
            if file.exists():
                file.write_text(limit or unlimited)
                return
    raise AssertionError("this machine's cgroups do not limit memory")


@pytest.fixture(scope="module")
def misbehaved(provisioned: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """One run of all of them, among others that do well."""
    tasks = [{"id": name, **task} for name, task in MISBEHAVING.items()]
    tasks += [{"id": f"good-{number}", "command": "sleep 0.1"} for number in range(GOOD)]
    scratch = tmp_path_factory.mktemp("head")
    with head(scratch, scratch / "home") as mine:
        for host in HOSTS:
            set_memory(host, str(MEMORY))
        try:
            ended, run = mine.run(tasks, *OPTIONS, "--retries", "0")
        finally:
            for host in HOSTS:
                set_memory(host, "")
        assert ended.code == Exit.TASKS_FAILED, ended.stderr
        yield run


def test_the_books_balance_after_tasks_that_misbehaved(misbehaved: Run) -> None:
    counts = books(misbehaved, GOOD + len(MISBEHAVING), HOSTS)
    assert counts == {"done": GOOD + 1, "held": len(MISBEHAVING) - 1}
    assert rows(misbehaved, "SELECT count(*) FROM tasks WHERE state = 'done' AND id LIKE 'good-%'") == [(GOOD,)]


@pytest.mark.parametrize(
    ("task", "code", "number", "reason"),
    [
        ("fails", 7, None, "exit code 7 (the last word)"),
        ("killed", None, 9, "killed by signal 9"),
        ("crashes", None, 11, "killed by signal 11"),
        ("closes", 5, None, "exit code 5"),
        ("daemons-of-a-failure", 3, None, "exit code 3"),
        ("hangs", None, 15, "timeout"),
        ("ignores-term", None, 9, "timeout"),
        ("eats", None, 9, "killed by signal 9, out of memory"),
        ("eats-in-a-shell", 137, None, "exit code 137, out of memory (Killed)"),
    ],
)
def test_a_task_that_misbehaves_is_held_with_what_it_did(
    misbehaved: Run, task: str, code: int | None, number: int | None, reason: str
) -> None:
    found = rows(misbehaved, f"SELECT code, signal, reason FROM attempts WHERE task = '{task}'")
    assert found == [(code, number, reason)]
    ((held,),) = rows(misbehaved, f"SELECT reason FROM tasks WHERE id = '{task}'")
    assert reason in held


TEXTS = {
    "quotes": """it's "quoted" and 'so on'""",
    "substitution": """$(touch pwned) `touch pwned` $HOME ${FARM_TASK} $((1+1)) $$""",
    "newlines": "one\ntwo\n\n  four\\n\tfive\r\n",
    "specials": """ ; & | > < * ? [a] {b,c} ~ # ! \\ %s %% \\\\ = """,
    "other alphabets": "Ångström ☃ 光度曲線 ƒ 🌠",
}


def test_a_command_line_is_interpreted_once_by_the_shell_of_its_task(provisioned: None, tmp_path: Path) -> None:
    write = 'printf %s {} > "$FARM_OUT/text"; cd "$FARM_OUT" && ls > names'
    tasks = [{"id": name.replace(" ", "-"), "command": write.format(shlex.quote(text))} for name, text in TEXTS.items()]
    with head(tmp_path, tmp_path / "home") as mine:
        ended, run = mine.run(tasks, *OPTIONS, "--fetch", "*")
        assert json.loads(ended.stdout)["done"] == len(TEXTS)
        for name, text in TEXTS.items():
            brought = run.folder / "outputs" / name.replace(" ", "-")
            assert (brought / "text").read_bytes() == text.encode()
            assert (brought / "names").read_text() == "names\ntext\n"
        assert books(run, len(TEXTS), HOSTS) == {"done": len(TEXTS)}


def test_a_line_of_a_plain_file_is_a_command_as_it_stands(provisioned: None, tmp_path: Path) -> None:
    lines = {
        "t1": 'echo "it\'s $((6 * 7))" \'$(no)\' "`echo yes`" > "$FARM_OUT/text"',
        "t2": 'printf "%s" ☃ > "$FARM_OUT/text"',
    }
    file = tmp_path / "tasks"
    file.write_text("\n".join(lines.values()) + "\n")
    with head(tmp_path, tmp_path / "home") as mine:
        said = mine.farm("run", str(file), *OPTIONS, "--fetch", "text", "--json").json()
        run = mine.last()
        texts = [path.read_text() for path in sorted((run.folder / "outputs").glob("*/text"))]
        assert (said["done"], texts) == (2, ["it's 42 $(no) yes\n", "☃"])
        assert books(run, 2, HOSTS) == {"done": 2}
