"""What a test types: the words of its strings, and of the helpers, fixtures, classes and constants that it uses."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from command import ROOT

TESTS = ROOT / "tests"


def words(place: str) -> frozenset[str]:
    """Every word that ``file::test`` or something it uses has in a string, docstrings aside."""
    file, _, name = place.partition("::")
    found: set[str] = set()
    seen: set[tuple[Path, str]] = set()
    todo = [(ROOT / file, name)]
    while todo:
        path, name = todo.pop()
        if (path, name) in seen or name not in definitions(path):
            continue
        seen.add((path, name))
        node = definitions(path)[name]
        found |= set(_words(node))
        todo += _used(path, node)
    return frozenset(found)


@cache
def definitions(path: Path) -> dict[str, ast.AST]:
    """Functions, classes and constants of a module, by name."""
    found: dict[str, ast.AST] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign):
            found |= {
                each.id: node for target in node.targets for each in ast.walk(target) if isinstance(each, ast.Name)
            }
    return found


@cache
def _imports(path: Path) -> dict[str, tuple[Path, str]]:
    """What a module has from other modules of the tests: the module, and the name there, empty for the whole."""
    found = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and (there := _modules().get(node.module)):
            found |= {each.asname or each.name: (there, each.name) for each in node.names}
        elif isinstance(node, ast.Import):
            found |= {
                each.asname or each.name: (_modules()[each.name], "") for each in node.names if each.name in _modules()
            }
    return found


@cache
def _modules() -> dict[str, Path]:
    return {path.stem: path for path in TESTS.rglob("*.py") if path.stem != "__init__"}


def _used(path: Path, node: ast.AST) -> Iterator[tuple[Path, str]]:
    imports = _imports(path)
    for each in ast.walk(node):
        match each:
            case ast.Attribute(value=ast.Name(id=module), attr=name) if module in imports and not imports[module][1]:
                yield imports[module][0], name
            case ast.Name(id=name) | ast.arg(arg=name):
                yield imports.get(name) or (path, name)
                yield from ((folder / "conftest.py", name) for folder in path.parents if _has_fixtures(folder))


def _has_fixtures(folder: Path) -> bool:
    return folder.is_relative_to(TESTS) and (folder / "conftest.py").exists()


def _words(node: ast.AST) -> Iterator[str]:
    documented = {id(each.value) for each in ast.walk(node) if isinstance(each, ast.Expr)}
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and id(each) not in documented:
            for word in each.value.split():
                yield word
                yield word.partition("=")[0]
