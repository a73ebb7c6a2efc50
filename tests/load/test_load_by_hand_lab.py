"""csv_to_database by hand, as docs/load.md has it: its line in each of its forms."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Own
from simulated_parts import simulate, write_part

pytestmark = pytest.mark.lab
ROWS = 200
FORMS = (
    "--columns gmag,rmag",
    "--keep-not-null gmag,rmag",
    "--max-rate 5000",
    "--verify all",
    "--verify sample",
    "--verify-only",
    "--undo",
    "--json",
)


def test_every_form_of_the_line_ends_well(own: Own, tmp_path: Path) -> None:
    write_part(tmp_path / "parts", simulate(ROWS))
    option_file = own.option_file()
    for form in ("", *FORMS):
        words = [Path(sys.executable).with_name("csv_to_database"), tmp_path / "parts", "--option-file", option_file]
        done = subprocess.run([*words, *shlex.split(form)], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, (form, done.stderr)
        assert own.sql("SELECT COUNT(*) FROM objects") == str(ROWS), form
    assert json.loads(done.stdout)["load"]["unchanged"] == ROWS
