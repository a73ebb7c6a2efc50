"""What the Makefile needs before there is a virtual environment."""

import subprocess
import sys
from pathlib import Path

import pytest

from farm import head_setup
from farm.errors import Exit, SetupError


def test_the_package_list_is_names_without_their_reasons() -> None:
    names = head_setup.packages(head_setup.PACKAGES.read_text())
    assert "systemd-container" in names
    assert all(" " not in name and "#" not in name for name in names)


def test_only_packages_that_dpkg_lacks_are_missing() -> None:
    assert head_setup.missing(["dpkg", "no-such-package-here"]) == ["no-such-package-here"]
    assert head_setup.missing([]) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('ID=debian\nVERSION_ID="12"\n', ("debian", "12")),
        ('NAME="Fedora"\nID=fedora\nVERSION_ID=44\n', ("fedora", "44")),
        ("", ("", "")),
    ],
)
def test_the_system_is_read_from_os_release(text: str, expected: tuple[str, str]) -> None:
    assert head_setup.release_of(text) == expected


def test_an_unprivileged_user_is_told_what_root_would_have_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_setup.os, "geteuid", lambda: 1000)
    with pytest.raises(SetupError, match="sudo apt-get install mmdebstrap"):
        head_setup.install(["mmdebstrap"])


def test_it_runs_before_the_virtual_environment_with_the_standard_library_alone() -> None:
    root = Path(head_setup.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(root)!r}); import farm.head_setup"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr


def test_a_machine_without_dpkg_ends_with_the_code_of_setup(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def absent(_names: list[str]) -> list[str]:
        raise FileNotFoundError(2, "No such file", "dpkg-query")

    monkeypatch.setattr(sys, "argv", ["head_setup"])
    monkeypatch.setattr(head_setup, "missing", absent)
    with pytest.raises(SystemExit) as ended:
        head_setup.main()
    assert ended.value.code == Exit.SETUP
    assert "dpkg-query is not on this machine" in capsys.readouterr().err
