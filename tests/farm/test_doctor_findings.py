"""Every kind of finding of farm doctor has a test on the lab that provokes it."""

import ast
from pathlib import Path

from command import ROOT
from provoked import PROVOKED

from farm.doctor.finding import Kind

TESTS = Path(__file__).with_name("test_doctor_lab.py")


def test_every_kind_of_finding_is_provoked_on_the_lab() -> None:
    assert set().union(*PROVOKED.values()) == set(Kind)


def test_the_tests_that_provoke_are_there_run_on_the_lab_and_require_their_findings() -> None:
    text = TESTS.read_text()
    assert "pytestmark = [pytest.mark.lab" in text
    tests = {each.name: ast.unparse(each) for each in ast.parse(text).body if isinstance(each, ast.FunctionDef)}
    for name in PROVOKED:
        assert "require_provoked(request.node.name, " in tests[name], name


def test_every_kind_of_finding_is_one_that_the_doctor_can_make() -> None:
    made = "".join(path.read_text() for path in (ROOT / "farm" / "doctor").glob("*.py") if path.stem != "finding")
    assert [each for each in Kind if f"Kind.{each.name}," not in made] == []
