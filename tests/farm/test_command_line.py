"""The command line's manners: examples, completion, narrow terminals, colours, pipes."""

import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from itertools import takewhile
from pathlib import Path

import pytest
import terminal
from command import ROOT, farm
from typer import rich_utils
from typer.main import get_command
from typer.testing import CliRunner

from farm import journal as record
from farm import runs
from farm.cli.app import app
from farm.docs import verbs
from farm.errors import Exit
from farm.help import EXAMPLES, fit
from farm.home import Home
from farm.journal import Journal, Task
from farm.runs import Run

FARM = str(Path(sys.executable).with_name("farm"))
ROWS = 5000


@pytest.fixture(scope="module", autouse=True)
def run(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """A run of many attempts, some with names as wide as a terminal."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FARM_HOME", str(tmp_path_factory.mktemp("home")))
        made = runs.create("lab", "run")
        meta = {"environment": "lab", "verb": "run", "begun": 1.7e9, "workers": {"w1": 2}}
        names = [f"a-task-with-a-rather-long-name-{at}" for at in range(ROWS)]
        journal = Journal.create(made.journal, meta, [Task(name, "true") for name in names])
        journal.commit([record.started(name, 1, f"worker-{at % 20}", "m", 1.7e9) for at, name in enumerate(names)])
        journal.close()
        (Home("lab").releases / ("ab" * 32)).mkdir()
        yield made


EVERY = {path.removeprefix("farm "): command for path, command in verbs(get_command(app), "farm")}


def test_every_verb_has_an_example_and_no_example_is_of_a_verb_that_is_gone() -> None:
    assert EXAMPLES.keys() == EVERY.keys()
    assert [verb for verb, command in EVERY.items() if "Example" not in (command.help or "")] == []


@pytest.mark.parametrize("verb", EXAMPLES)
def test_an_example_is_understood(verb: str) -> None:
    for example in EXAMPLES[verb]:
        words = list(takewhile(lambda word: word not in ("|", ">"), shlex.split(example)))
        given = words[1 + len(verb.split()) :]
        assert words[1 : len(words) - len(given)] == verb.split()
        EVERY[verb].make_context(verb, given)


def offered(line: str) -> list[str]:
    words = shlex.split(line)
    place = len(words) if line.endswith(" ") else len(words) - 1
    said = farm(_FARM_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(place))
    return said.stdout.split()


def test_tab_offers_runs_environments_and_releases(run: Run) -> None:
    assert offered("farm status ") == ["last", run.id]
    assert offered(f"farm status {run.id[:6]}") == [run.id]
    assert offered("farm status --inventory ") == ["lab", "prod"]
    assert offered("farm release show a") == ["ab" * 32]
    assert "report" in offered("farm re")


def test_completion_can_be_installed() -> None:
    """In a shell, which is found among the process's parents."""
    line = f"{shlex.quote(FARM)} --show-completion; exit $?"
    said = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60, check=True)
    assert "_FARM_COMPLETE" in said.stdout


@pytest.mark.parametrize("columns", [40, 80])
def test_help_and_tables_fit_narrow_terminals(columns: int) -> None:
    for words in (["--help"], ["rebuild", "--help"], ["runs"], ["status", "last"]):
        seen = terminal.run([FARM, *words], 1000, 60, {"COLUMNS": str(columns), "NO_COLOR": "1"})
        drawn = [line for line in seen.screen.shown if line[0] in "┏┃│└╭╰┡├"]
        assert max(map(len, drawn), default=0) <= columns, words


PAGES = ["", *dict.fromkeys(" ".join(path.split()[:at]) for path in EVERY for at in (1, 2, 3))]


def squeezed(text: str) -> str:
    """Without what a page folds at and draws."""
    return re.sub(r"[\s─│╭╮╰╯]", "", text)


def helped(width: int, words: list[str]) -> str:
    """What --help prints at that width, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        patch.setattr(rich_utils, "MAX_WIDTH", width)
        patch.setattr(app, "rich_markup_mode", "rich")
        patch.setattr(app.info, "context_settings", None)
        fit(app)
        return str(CliRunner().invoke(app, [*words, "--help"]).stdout)


@pytest.mark.parametrize("width", [24, 40, 60, 79, 80, 120])
def test_help_loses_no_text_at_any_width(width: int) -> None:
    for page in PAGES:
        said = helped(width, page.split())
        assert "…" not in said, page
        assert width < 50 or max(map(len, said.splitlines())) <= max(width, 80), page
        command = get_command(app)
        for word in page.split():
            command = command.commands[word]  # type: ignore[attr-defined]
        text = squeezed(said)
        wanted = [name for each in command.params for name in each.opts if name.startswith("--")]
        if width < 80:
            wanted += [str(getattr(each, "help", None) or "") for each in command.params]
        for member in getattr(command, "commands", {}).values():
            wanted += [str(member.name)] + ([str(member.short_help)] if width < 80 else [])
        assert [each for each in wanted if squeezed(each) not in text] == [], page


@pytest.mark.parametrize("columns", [24, 40, 60, 100, 160])
def test_a_table_loses_no_text_at_any_width(columns: int) -> None:
    heads = ("worker", "address", "cores", "memory free", "release", "state")
    row = ("cassandra-long-worker-name-17.example.org", "198.18.77.12", "64", "12.3 GiB", "0123456789ab", "no key")
    program = f"from farm.show import table; table('Workers', {heads}, [{row}], {('all', '', '64', '', '', '')})"
    seen = terminal.run([sys.executable, "-c", program], columns, 60, {})
    if columns < 100:
        said = squeezed("".join(seen.screen.shown))
        assert all(squeezed(f"{head}: {value}") in said for head, value in zip(heads, row, strict=True))
        assert "worker:allcores:64" in said
    else:
        drawn = re.sub(r"[^\x00-\x7f]", "", squeezed("".join(seen.screen.shown)))
        assert Counter(drawn) == Counter(squeezed("".join(("Workers", *heads, *row, "all", "64"))))


def test_nobody_gets_colours_who_does_not_want_them() -> None:
    for words in (["--help"], ["runs"]):
        assert "\x1b[1;3" not in terminal.run([FARM, *words], 80, 60, {"NO_COLOR": "1"}).raw
        assert "\x1b" not in farm(*words).stdout


def piped(words: str, reader: str) -> tuple[int, str, str]:
    """Exit code of farm, what the reader said, and standard error."""
    line = f"{shlex.quote(FARM)} {words} | {reader}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False, env=os.environ
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("words", ["status last --tsv", "events last", "status last"])
def test_who_reads_a_few_lines_only_sees_no_traceback(words: str) -> None:
    code, said, errors = piped(words, "sh -c 'exec 0<&-'")
    assert (code, said, errors) == (Exit.CLOSED, "", "")


@pytest.mark.parametrize(
    "words", ["runs", "runs --json", "--help", "rebuild --help", "status last --tsv", "events last", "metrics last"]
)
def test_a_full_disk_behind_the_output_is_a_sentence(words: str) -> None:
    line = f"{shlex.quote(FARM)} {words} > /dev/full"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert done.returncode == Exit.INPUT
    assert done.stderr == (
        "farm: the output cannot be written (No space left on device): make room there, or write elsewhere\n"
    )
    quiet = subprocess.run(["bash", "-c", f"{line} 2>&1"], cwd=ROOT, timeout=60, check=False)
    assert quiet.returncode == Exit.INPUT


@pytest.mark.parametrize("words", ["runs", "runs --json", "--help", "status last", "events last", "metrics last"])
def test_a_closed_output_is_a_sentence(words: str) -> None:
    line = f"{shlex.quote(FARM)} {words} >&-"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert done.returncode == Exit.INPUT
    assert done.stderr == "farm: standard output is closed: lead it to a terminal or a file, or to /dev/null\n"
    quiet = subprocess.run(["bash", "-c", f"{line} 2>&-"], cwd=ROOT, timeout=60, check=False)
    assert quiet.returncode == Exit.INPUT


def test_all_of_the_output_goes_through_a_pipe() -> None:
    code, said, errors = piped("status last --tsv", "(sleep 0.3; cat)")
    assert (code, len(said.splitlines()), errors) == (0, ROWS + 1, "")
    code, said, _ = piped("events last", "wc -l")
    assert (code, int(said)) == (0, ROWS + 1)
