"""Where a lab cannot be made, that is found before anything is, and said in a sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from farm import head_setup
from farm.errors import Exit
from farm.lab import HEAD_PACKAGES, preflight

READER = "-all,+dac_read_search"
"""All that is left to the unprivileged user: to read the interpreter, wherever it stands."""


def run(*argv: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("argv", [["up"], ["down"], ["status"], ["kill", "w1"]])
def test_an_unprivileged_user_is_told_that_it_needs_root(argv: list[str]) -> None:
    nobody = ["setpriv", "--reuid=65534", "--clear-groups", f"--inh-caps={READER}", f"--ambient-caps={READER}"]
    command = [sys.executable, "-c", "from farm.main import main; main()", "lab", *argv]
    done = run(*(nobody if os.geteuid() == 0 else []), *command)
    assert done.returncode == Exit.SETUP
    assert "needs root" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.lab
def test_nothing_is_missing_where_labs_are_made() -> None:
    assert preflight() == []


@pytest.mark.lab
@pytest.mark.parametrize(("capability", "what"), [("sys_admin", "namespaces"), ("net_admin", "network bridges")])
def test_a_machine_that_forbids_what_a_lab_does_is_found_out(capability: str, what: str) -> None:
    code = "import farm.lab; print('\\n'.join(farm.lab.preflight()))"
    done = run("setpriv", f"--bounding-set=-{capability}", f"--inh-caps=-{capability}", sys.executable, "-c", code)
    assert f"does not permit {what}" in done.stdout
    assert "use a real or virtual machine" in done.stdout


@pytest.mark.lab
def test_missing_tools_are_named_by_their_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (problem,) = preflight()
    assert "apt-get install e2fsprogs iproute2 mmdebstrap" in problem


def test_the_head_is_set_up_with_all_that_a_lab_needs() -> None:
    essential = {"mount", "util-linux"}
    assert set(HEAD_PACKAGES) - essential <= set(head_setup.packages(head_setup.PACKAGES.read_text()))
