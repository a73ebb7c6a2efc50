"""The documentation says what the programs do: generated pages, exit codes, every command, every link."""

import re
import shlex
import subprocess
import sys

import pytest
import traced
from command import ROOT
from documented import PAGES, PAGES_RUN, How, commands, forms, shapes, wrong
from scenes import ELSEWHERE, TYPED, VARIANTS

from farm.docs import messages
from farm.errors import Exit

GENERATED = {"cli": ("farm.docs", "cli"), "errors": ("farm.docs", "errors"), "scaling": ("tests.bench.scale",)}


@pytest.mark.parametrize("page", GENERATED)
def test_a_generated_page_is_as_the_code_makes_it(page: str) -> None:
    words = [sys.executable, "-m", *GENERATED[page]]
    made = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert made == (ROOT / "docs" / f"{page}.md").read_text(), f"python -m {' '.join(GENERATED[page])} > docs/{page}.md"


def test_every_exit_code_has_its_line_in_the_runbook() -> None:
    rows = re.findall(r"^\| (\d+) \| (\w+) \|", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
    assert [(int(code), name) for code, name in rows] == [(code.value, code.name) for code in Exit]


def test_what_a_message_says_to_type_works_for_any_environment() -> None:
    said = [each for told in messages().values() for each in told]
    assert [each for each in said if re.search(r"ansible-playbook (?!-i )", each)] == []
    verbs = "cancel|events|load|logs|report|resume|retry|status"
    assert [each for each in said if re.search(rf"farm ({verbs}) \{{(?!again\}}|\S+ (--inventory|-i) )", each)] == []


def test_every_command_in_the_documentation_has_verbs_and_options_that_are_there() -> None:
    found = list(commands())
    assert len(found) > 100
    stale = [(each.page, each.line, why) for each in found for words in each.forms if (why := wrong(words))]
    assert stale == []


def test_a_command_with_a_verb_or_an_option_that_is_not_there_is_found() -> None:
    assert wrong(["farm", "rebild"]) == "no verb rebild"
    assert wrong(["farm", "schema", "diff", "--wrong"]) == "no option --wrong"
    assert wrong(["make", "coffee"])
    assert wrong(["ansible-playbook", "playbooks/none.yml"])
    assert wrong(["python", "-m", "farm.none"])
    assert wrong(["python", "-m", "tests.bench", "none"])
    assert wrong(["csv_to_database", "DIR", "--wrong"]) == "no option --wrong"


def test_what_is_optional_in_a_line_is_held_to_the_tests_by_itself() -> None:
    line = "csv_to_database DIR [--columns A,B] [--verify-only | --undo]"
    bare = "csv_to_database DIR"
    assert [" ".join(each.split()) for each in forms(line)] == [
        bare,
        f"{bare} --columns A,B",
        f"{bare} --verify-only",
        f"{bare} --undo",
    ]


def test_an_inventory_s_variable_is_an_option_of_its_own() -> None:
    (plain,) = shapes(["ansible-playbook", "provision.yml", "--ask-vault-pass"])
    (keys,) = shapes(["ansible-playbook", "provision.yml", "-e", "accept_new_host_keys=true"])
    assert keys.runs(plain)
    assert not plain.runs(keys)


def test_every_command_is_run_by_a_test() -> None:
    left = sorted({(each.page, each.line) for each in commands() if each.how is How.UNTESTED})
    assert left == []
    assert {each.how for each in commands()} == {*How} - {How.UNTESTED}


def test_what_is_typed_on_the_lab_stands_in_the_documentation() -> None:
    documented = {each.typed for each in commands()}
    assert [line for line in TYPED if line not in documented and line not in VARIANTS] == []


@pytest.mark.parametrize("line", ELSEWHERE)
def test_the_test_that_is_named_for_a_command_types_it(line: str) -> None:
    file, _, name = ELSEWHERE[line].partition("::")
    assert name in traced.definitions(ROOT / file)
    typed = traced.words(ELSEWHERE[line])
    if file in PAGES_RUN.values():
        typed |= {
            word for page, test in PAGES_RUN.items() if test == file for word in (ROOT / page).read_text().split()
        }
    assert [word for word in asked(line) if not any(each == word or each.endswith(f"/{word}") for each in typed)] == []


def asked(line: str) -> list[str]:
    """The words that whoever types a line must have somewhere: its verb, options, and the variables of a playbook."""
    found = [word for shape in shapes(shlex.split(line)) for word in (*shape.verb[1:], *shape.options)]
    modules = ("features", "features.mining", "tests.pictures")
    return [word.removeprefix("-e ") for word in found if word not in modules and not word.isupper()]


def test_a_test_that_does_not_type_a_command_is_found() -> None:
    place = "tests/integration/test_demo.py::test_a_step_that_fails_ends_the_demo_with_its_code"
    assert "rebuild" in traced.words(place)
    assert "lab" not in traced.words(place)


def test_pages_that_a_test_plays_as_a_whole_have_it() -> None:
    assert [file for file in PAGES_RUN.values() if not (ROOT / file).exists()] == []


def test_every_documented_target_can_be_made() -> None:
    for target in {each.forms[0][1] for each in commands() if each.how is How.MADE}:
        subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, check=True, timeout=30)


def test_every_link_between_pages_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), (page.name, target)
