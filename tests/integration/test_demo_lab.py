"""``make demo`` to its end, on a lab that is up: every step of it is a command, and the lab's own data come back."""

import re
import subprocess
from collections.abc import Iterator

import pytest
from command import ROOT, farm
from light_curves import filled
from own_table import everywhere
from provisioning import answer

pytestmark = [pytest.mark.lab, pytest.mark.faults, pytest.mark.timeout(900)]


@pytest.fixture
def lent(provisioned: None) -> Iterator[None]:
    """The lab's Cassandra and table objects, for somebody who fills them with his own; what stood there comes back."""
    answer(
        "g1", "mariadb ztf", "CREATE TABLE kept LIKE objects; INSERT INTO kept SELECT * FROM objects; TRUNCATE objects"
    )
    try:
        yield
    finally:
        back = "TRUNCATE objects; INSERT INTO objects SELECT * FROM kept; DROP TABLE kept"
        answer("g1", "mariadb ztf", back)
        filled()


def test_the_demo_ends_with_every_row_equal_on_two_nodes(lent: None) -> None:
    made = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "demo"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert made.stdout.splitlines()[-1].split()[-2:] == [".venv/bin/farm", "demo"]
    done = farm("demo", timeout=800)
    assert done.code == 0, done.stderr
    shown = " ".join(done.stdout.split())
    assert re.search(r"lab \d+ 8 hosts up", shown)
    assert "4,000 objects with" in shown
    assert "4,000 inserted, 0 updated, 0 unchanged, 0 guarded" in shown
    assert "4,000 equal, 0 guarded, 0 differing, 0 missing" in shown
    assert everywhere("ztf", "SELECT COUNT(*) FROM objects") == "4000"
