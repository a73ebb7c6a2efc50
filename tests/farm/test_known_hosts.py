"""Pinned host keys: the same answers as OpenSSH gives."""

import base64
import subprocess
from pathlib import Path

import pytest

from farm.errors import HostKeyError
from farm.transport import known_hosts


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two public keys, as ssh-keygen makes them."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("one", "two"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    return [" ".join((folder / f"{name}.pub").read_text().split()[:2]) for name in ("one", "two")]


def raw(key: str) -> bytes:
    return base64.b64decode(key.split()[1])


def answer(file: Path, key: str, names: tuple[str, ...] = ("192.0.2.1", "w1"), port: int = 22) -> None:
    known_hosts.check(raw(key), known_hosts.pinned(file, names, port), "w1 (192.0.2.1:22)", file)


@pytest.mark.parametrize(
    ("pattern", "port"),
    [("192.0.2.1", 22), ("w1", 22), ("a,w1,b", 22), ("192.0.2.*", 22), ("[192.0.2.1]:2222", 2222), ("[w1]:2222", 2222)],
)
def test_a_pinned_key_is_taken(tmp_path: Path, keys: list[str], pattern: str, port: int) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"# comment\n\n{pattern} {keys[0]} a comment\n")
    answer(file, keys[0], port=port)


@pytest.mark.parametrize("port", [22, 2222])
def test_names_that_openssh_hashed_are_found(tmp_path: Path, keys: list[str], port: int) -> None:
    file = tmp_path / "known_hosts"
    name = "192.0.2.1" if port == 22 else f"[192.0.2.1]:{port}"
    file.write_text(f"{name} {keys[0]}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", file], check=True, capture_output=True)
    assert "192.0.2.1" not in file.read_text()
    answer(file, keys[0], port=port)


def test_another_key_is_refused_with_both_fingerprints(tmp_path: Path, keys: list[str]) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"192.0.2.1 {keys[0]}\n")
    with pytest.raises(HostKeyError) as caught:
        answer(file, keys[1])
    for key in keys:
        said = subprocess.run(["ssh-keygen", "-l", "-f", "-"], input=key, capture_output=True, text=True, check=True)
        assert said.stdout.split()[1] in str(caught.value)


@pytest.mark.parametrize(
    "line", ["", "192.0.2.2 {}", "[192.0.2.1]:2222 {}", "*,!192.0.2.1,!w1 {}", "192.0.2.1 ssh-ed25519"]
)
def test_a_host_without_a_pinned_key_is_refused(tmp_path: Path, keys: list[str], line: str) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(line.format(keys[0]) + "\n")
    with pytest.raises(HostKeyError, match="no key of w1"):
        answer(file, keys[0])


def test_without_a_file_nobody_is_trusted(tmp_path: Path, keys: list[str]) -> None:
    with pytest.raises(HostKeyError, match="no key of w1"):
        answer(tmp_path / "nothing", keys[0])


def test_a_revoked_key_is_refused(tmp_path: Path, keys: list[str]) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"192.0.2.1 {keys[0]}\n@revoked * {keys[0]}\n")
    with pytest.raises(HostKeyError, match="revoked"):
        answer(file, keys[0])
