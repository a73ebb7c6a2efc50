"""The documentation says what the programs do: generated pages, exit codes, every command, every link."""

import re
import subprocess
import sys

import pytest
from command import ROOT
from documented import PAGES, PAGES_RUN, How, commands, wrong
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
    assert [each for each in said if re.search(rf"farm ({verbs}) \{{(?!\S+ (--inventory|-i) )", each)] == []


def test_every_command_in_the_documentation_has_verbs_and_options_that_are_there() -> None:
    found = list(commands())
    assert len(found) > 100
    stale = [(each.page, each.line, why) for each in found if (why := wrong(each.words))]
    assert stale == []


def test_a_command_with_a_verb_or_an_option_that_is_not_there_is_found() -> None:
    assert wrong(["farm", "rebild"]) == "no verb rebild"
    assert wrong(["farm", "schema", "diff", "--wrong"]) == "no option --wrong"
    assert wrong(["make", "coffee"])
    assert wrong(["ansible-playbook", "playbooks/none.yml"])
    assert wrong(["python", "-m", "farm.none"])


def test_every_command_is_run_by_a_test() -> None:
    left = sorted({(each.page, each.line) for each in commands() if each.how is How.UNTESTED})
    assert left == []
    assert {each.how for each in commands()} == {*How} - {How.UNTESTED}


def test_what_is_typed_on_the_lab_stands_in_the_documentation() -> None:
    documented = {each.typed for each in commands()}
    assert [line for line in TYPED if line not in documented and line not in VARIANTS] == []


@pytest.mark.parametrize("place", sorted({*ELSEWHERE.values(), *PAGES_RUN.values()}))
def test_the_tests_that_run_documented_commands_are_there(place: str) -> None:
    file, _, name = place.partition("::")
    assert f"def {name}(" in (ROOT / file).read_text() if name else (ROOT / file).exists()


def test_every_documented_target_can_be_made() -> None:
    for target in {each.words[1] for each in commands() if each.how is How.MADE}:
        subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, check=True, timeout=30)


def test_every_link_between_pages_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), (page.name, target)
