"""Option files: what an account says, and what is wrong with it."""

from pathlib import Path

import pytest

from farm.errors import GaleraError, InputError
from farm.galera import connect, read_account

TEXT = """
[client]
user = farm_loader
password = "s3cret%x"
port = 3306
database = ztf

[farm]
environment = lab
hosts = 127.0.0.1, 127.0.0.2,127.0.0.1
mode = update
zeros = null
window = all
"""


def option_file(folder: Path, text: str = TEXT, mode: int = 0o600) -> Path:
    path = folder / "loader.cnf"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_an_option_file_says_who_where_and_how(tmp_path: Path) -> None:
    account = read_account(option_file(tmp_path))
    assert (account.user, account.password, account.port, account.database) == ("farm_loader", "s3cret%x", 3306, "ztf")
    assert account.hosts == ("127.0.0.1", "127.0.0.2")
    assert (account.mode, account.zeros, account.window) == ("update", "null", "all")


def test_a_window_is_a_number_of_days(tmp_path: Path) -> None:
    assert read_account(option_file(tmp_path, TEXT.replace("window = all", "window = 30"))).window == 30


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_an_option_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(InputError, match="chmod 600"):
        read_account(option_file(tmp_path, mode=mode))


@pytest.mark.parametrize(
    "key", ["user", "password", "port", "database", "environment", "hosts", "mode", "zeros", "window"]
)
def test_what_an_option_file_lacks_is_named(tmp_path: Path, key: str) -> None:
    text = "\n".join(line for line in TEXT.splitlines() if not line.startswith(key))
    with pytest.raises(InputError, match=rf"lacks {key} in \["):
        read_account(option_file(tmp_path, text))


@pytest.mark.parametrize("text", ["[client]\nuser", "user = x\n", "[client]\n\x00 = 1\n[client]\n"])
def test_a_file_that_is_no_option_file_is_refused_without_its_text(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="not a MySQL option file"):
        read_account(option_file(tmp_path, text))


def test_an_option_file_that_is_not_there_names_what_writes_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"provision\.yml"):
        read_account(tmp_path / "nowhere.cnf")


def test_a_password_is_not_shown_with_its_account(tmp_path: Path) -> None:
    assert "s3cret" not in repr(read_account(option_file(tmp_path)))


def test_nodes_that_are_not_there_are_each_named(tmp_path: Path) -> None:
    nobody = TEXT.replace("127.0.0.1, 127.0.0.2,127.0.0.1", "127.0.0.1,127.0.0.2").replace("3306", "1")
    with pytest.raises(GaleraError, match=r"127\.0\.0\.1 .*127\.0\.0\.2 .*Start the nodes") as raised:
        connect(read_account(option_file(tmp_path, nobody)))
    assert "s3cret" not in str(raised.value)
