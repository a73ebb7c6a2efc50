"""What farm load and csv_to_database refuse as wrong usage, before anything is read."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from farm.cli.app import app
from farm.load import main

WRONG = {
    "--columns=": "names no column",
    "--columns=,": "names no column",
    "--keep-not-null= ": "names no column",
    "--max-rate=nan": "rows a second, 1 at least",
    "--max-rate=inf": "rows a second, 1 at least",
    "--max-rate=0": "rows a second, 1 at least",
    "--max-rate=-1": "rows a second, 1 at least",
    "--max-rate=many": "rows a second, 1 at least",
}
UNDO = "--undo takes no other option: it puts back all that loads of the run changed"


@pytest.mark.parametrize("option", WRONG)
def test_farm_load_refuses_a_list_of_nothing_and_a_rate_that_is_none(option: str) -> None:
    done = CliRunner().invoke(app, ["load", "last", option], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert WRONG[option] in " ".join(done.output.split())


def test_farm_load_takes_a_list_in_pieces_and_none_may_be_empty() -> None:
    done = CliRunner().invoke(app, ["load", "last", "--columns=gmag", "--columns="], env={"COLUMNS": "200"})
    assert (done.exit_code, "names no column" in done.output) == (2, True)


@pytest.mark.parametrize("option", WRONG)
def test_the_loaders_program_refuses_the_same(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main._arguments().parse_args(["DIR", "--option-file=FILE", option])
    assert raised.value.code == 2
    assert WRONG[option] in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--columns=gmag", "--keep-not-null=gmag", "--max-rate=9", "--verify=sample"])
def test_an_undo_takes_no_other_option(option: str, tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("csv_to_database")
    command = [sys.executable, program, tmp_path, f"--option-file={tmp_path}/none", "--undo", option]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2, done.stderr
    assert UNDO in done.stderr
