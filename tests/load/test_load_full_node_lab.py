"""A node whose temporary space is full while a load is staged there."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Own, sql
from provisioning import answer
from simulated_parts import simulate, write_part

from farm.errors import GaleraError
from farm.galera import read_account
from farm.load.main import load

pytestmark = [pytest.mark.lab, pytest.mark.faults]
ROWS = 40_000
SMALL = "/run/small"
DROP_IN = "/etc/mysql/mariadb.conf.d/99-small.cnf"


def restart(script: str) -> None:
    answer("g1", f"set -e; {script}; systemctl restart mariadb")
    for _ in range(300):
        if sql("SHOW GLOBAL STATUS LIKE 'wsrep_local_state_comment'").endswith("Synced"):
            return
        time.sleep(0.1)
    raise AssertionError(answer("g1", "journalctl -u mariadb -n 30"))


@pytest.fixture
def small_tmpdir(own: Own) -> Iterator[None]:
    """The tmpdir of g1, with all its temporary tables, is a file system of 20 MiB."""
    settings = f"[mariadbd]\\ntmpdir = {SMALL}\\ninnodb_temp_data_file_path = ../../..{SMALL}/ibtmp1:12M:autoextend\\n"
    mount = f"mkdir -p {SMALL}; mount -t tmpfs -o size=20m,mode=1777 tmpfs {SMALL}"
    try:
        restart(f"{mount}; printf '{settings}' > {DROP_IN}")
        yield
    finally:
        restart(f"rm -f {DROP_IN}; systemctl stop mariadb; umount {SMALL}")


def test_a_node_that_has_no_room_to_stage_is_left_for_another_one(
    own: Own, small_tmpdir: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_part(tmp_path / "parts", simulate(ROWS))
    first, second, _ = read_account(own.option_file()).hosts
    with pytest.raises(GaleraError, match=rf"{first} has no room left .*nor at any other node: make room"):
        load(tmp_path / "parts", own.option_file(hosts=first))
    assert own.sql("SELECT COUNT(*) FROM objects") == "0"
    said = load(tmp_path / "parts", own.option_file())
    assert (said["load"]["node"], said["load"]["inserted"], said["ok"]) == (second, ROWS, True)
    assert f"{first} has no room left" in capfd.readouterr().err
