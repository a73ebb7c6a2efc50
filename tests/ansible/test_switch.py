"""What the role's programs do on a host, in a folder of this machine: links changed, releases taken away."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from provisioning import ROOT

from farm.errors import ReleaseError
from farm.provision.rollback import goal

FILES = ROOT / "roles/release/files"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three releases, none of them current."""
    for name in "abc":
        (tmp_path / "releases" / name).mkdir(parents=True)
        (tmp_path / "releases" / name / "RELEASE.json").write_text(json.dumps({"kind": "worker"}))
    return tmp_path


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, FILES / name, *arguments], capture_output=True, text=True, check=False, timeout=30
    )


def switch(root: Path, release: str, previous: str = "former", look: str = "--write") -> str:
    done = run("switch.py", str(root), str(root / "releases" / release), previous, look)
    assert done.returncode == 0, done.stderr
    return done.stdout


def links(root: Path) -> tuple[str, str]:
    return tuple((root / name).resolve().name if (root / name).exists() else "" for name in ("current", "previous"))


def probed(root: Path) -> dict[str, object]:
    return dict(json.loads(run("probe.py", str(root), "worker").stdout))


def test_a_switch_remembers_the_release_that_was_current(root: Path) -> None:
    assert switch(root, "a") == f"nothing -> {root}/releases/a\n"
    assert links(root) == ("a", "")
    assert switch(root, "b") == f"{root}/releases/a -> {root}/releases/b\n"
    assert links(root) == ("b", "a")
    assert (probed(root)["now"], probed(root)["former"]) == ("b", "a")


def test_a_switch_to_what_is_current_changes_nothing(root: Path) -> None:
    switch(root, "a")
    switch(root, "b")
    assert switch(root, "b") == ""
    assert links(root) == ("b", "a")


def test_going_back_forgets_where_from_so_that_going_back_again_cannot_go_forward(root: Path) -> None:
    switch(root, "a")
    switch(root, "b")
    switch(root, "a", "none")
    assert links(root) == ("a", "")
    assert probed(root)["former"] == ""


def test_a_change_that_is_taken_back_leaves_the_former_release_that_was_known_before(root: Path) -> None:
    switch(root, "a")
    switch(root, "b")
    switch(root, "c")
    switch(root, "b", str(root / "releases" / "a"))
    assert links(root) == ("b", "a")


def test_a_switch_that_was_killed_between_its_links_is_finished_by_the_next(root: Path) -> None:
    switch(root, "a")
    (root / "previous").symlink_to(root / "releases" / "a")
    assert probed(root)["former"] == ""
    switch(root, "b")
    assert links(root) == ("b", "a")


def test_check_mode_says_what_would_change_and_changes_nothing(root: Path) -> None:
    assert switch(root, "a", look="--check") != ""
    assert links(root) == ("", "")


def test_a_release_that_is_not_complete_never_becomes_current(root: Path) -> None:
    switch(root, "a")
    (root / "releases/b/RELEASE.json").unlink()
    done = run("switch.py", str(root), str(root / "releases/b"), "former", "--write")
    assert done.returncode == 1
    assert "releases/b is not a complete release" in done.stderr
    assert links(root) == ("a", "")


def test_a_former_release_that_was_removed_is_none(root: Path) -> None:
    switch(root, "a")
    switch(root, "b")
    (root / "releases/a/RELEASE.json").unlink()
    assert probed(root)["former"] == ""


def stand(now: str, former: str, restarted: str = "") -> dict[str, str]:
    return {"now": now, "former": former, "restarted": restarted}


@pytest.mark.parametrize(
    "stands",
    [
        {"w1": stand("b", "a"), "w2": stand("b", "a")},
        {"w1": stand("b", "a"), "came later": stand("b", "")},
        {"an upgrade was cut short": stand("b", "a"), "w2": stand("a", "0")},
        {"a rollback was cut short": stand("a", ""), "w2": stand("b", "a")},
        {"w1": stand("a", ""), "a pipeline did not restart": stand("a", "", "b")},
    ],
    ids=lambda stands: next((name for name in stands if " " in name), "all alike"),
)
def test_a_rollback_goes_to_the_release_that_every_host_came_from_or_is_on(stands: dict[str, dict[str, str]]) -> None:
    assert goal(stands) == "a"


@pytest.mark.parametrize(
    ("stands", "said"),
    [
        ({"w1": stand("b", ""), "w2": stand("b", "")}, "no former release"),
        ({"w1": stand("b", ""), "p1": stand("b", "", "b")}, "no former release"),
        ({"w1": stand("c", "a"), "w2": stand("c", "b")}, "w1 is on c, before on a; w2 is on c, before on b"),
        ({"w1": stand("a", "b"), "w2": stand("b", "a")}, "from different releases"),
    ],
)
def test_a_rollback_without_one_goal_is_refused(stands: dict[str, dict[str, str]], said: str) -> None:
    with pytest.raises(ReleaseError, match=said):
        goal(stands)


def prune(root: Path, *names: str, look: str = "--write") -> list[str]:
    done = run("prune.py", str(root), look, *names)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def left(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "releases").glob("*/"))


def test_only_what_is_named_and_neither_current_nor_previous_is_taken_away(root: Path) -> None:
    (root / "releases" / "d").mkdir()
    switch(root, "a")
    switch(root, "b")
    assert prune(root, "a", "b", "c", "never there", look="--check") == ["c"]
    assert left(root) == ["a", "b", "c", "d"]
    assert prune(root, "a", "b", "c", "never there") == ["c"]
    assert left(root) == ["a", "b", "d"]


@pytest.fixture
def working(root: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that was started from release c."""
    process = subprocess.Popen(["sh", "-c", "read line", f"{root}/releases/c/bin/agent"], stdin=subprocess.PIPE)
    yield process
    process.communicate()


def test_what_a_process_works_with_stays_until_it_has_ended(root: Path, working: subprocess.Popen[bytes]) -> None:
    switch(root, "a")
    assert prune(root, "b", "c") == ["b"]
    working.communicate(b"\n", timeout=30)
    assert prune(root, "c") == ["c"]
    assert left(root) == ["a"]
