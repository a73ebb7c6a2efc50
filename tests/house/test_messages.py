"""docs/errors.md has the sentence of every place in the code at which a program ends."""

import ast
import builtins
from collections.abc import Iterator

import pytest

from farm import docs, messages
from farm.errors import Exit


def modules() -> Iterator[tuple[str, ast.Module]]:
    for file in (*docs.ROOT.glob("farm/**/*.py"), *docs.ROOT.glob("features/**/*.py")):
        yield str(file.relative_to(docs.ROOT)), ast.parse(file.read_text())


def test_every_place_has_a_sentence_or_passes_on_another_ones() -> None:
    silent = {each.place for each in docs.sites() if not each.told}
    whole = {each.place for each in docs.sites() if each.told}
    assert silent - messages.PASSED_ON == set()
    assert messages.PASSED_ON - silent == set(), "these are stale"
    assert set(messages.TOLD) - whole == set(), "these are stale"


def test_every_error_that_is_raised_is_one_that_is_looked_for() -> None:
    known = {name for _, tree in modules() for name in _made(tree)} | {"type", "error"}
    odd = [
        (file, node.lineno, ast.unparse(node))
        for file, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and _maker(node.exc) not in known
    ]
    assert odd == []


def _made(tree: ast.Module) -> set[str]:
    """Errors of the file, what is made by its functions, and Python's own."""
    own = {each.name for each in ast.walk(tree) if isinstance(each, ast.ClassDef | ast.FunctionDef)}
    return (
        own | {name for name in dir(builtins) if name.endswith("Error")} | {"Exit", "BadParameter", "ArgumentTypeError"}
    )


def _maker(call: ast.Call) -> str:
    return _maker(call.func) if isinstance(call.func, ast.Call) else ast.unparse(call.func).rpartition(".")[2]


SOURCE = """
NEEDS = "root is needed"
SECONDS = 5

def direct(where):
    raise InputError(f"{where.name} is silent for {SECONDS} s")

def constant():
    raise InputError(NEEDS)

def passed(ids):
    return given(ids, "the list is empty")

def given(ids, nothing):
    raise InputError(nothing)

def returned():
    raise InputError(_why())

def _why():
    return "because"

def several(told):
    lines = [f"{each.name} moves" for each in told]
    lines += ["accept it"]
    raise InputError("; ".join(["refused:", *lines]))

def usage(text):
    raise typer.BadParameter(f"{text!r} is none" if text else "say one")

def program():
    try:
        work()
    except OSError as error:
        sys.stderr.write(f"program: {error}")
        sys.exit(Exit.SETUP)

def lost(error):
    raise InputError(str(error))
"""


@pytest.mark.parametrize(
    ("function", "code", "told"),
    [
        ("direct", Exit.INPUT, ("{name} is silent for 5 s",)),
        ("constant", Exit.INPUT, ("root is needed",)),
        ("given", Exit.INPUT, ("the list is empty",)),
        ("returned", Exit.INPUT, ("because",)),
        ("several", Exit.INPUT, ("refused: {name} moves accept it",)),
        ("usage", Exit.USAGE, ("{text} is none", "say one")),
        ("program", Exit.SETUP, ("program: {error}",)),
        ("lost", Exit.INPUT, ()),
    ],
)
def test_a_sentence_is_found_where_it_is_made(function: str, code: Exit, told: tuple[str, ...]) -> None:
    found = {each.place: each for each in messages.sites_of("x.py", ast.parse(SOURCE), {"InputError": Exit.INPUT})}
    assert (found[f"x.py:{function}"].code, found[f"x.py:{function}"].told) == (code, told)
