"""One direction of imports, third parties in one module each, and what a newcomer reads first."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
MODULES = sorted([*ROOT.glob("farm/**/*.py"), *ROOT.glob("features/**/*.py")])


def imports(path: Path) -> set[str]:
    """Dotted names of everything that ``path`` imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def importers(package: str) -> set[str]:
    """Modules of the project, as paths, that import ``package``."""
    return {
        str(path.relative_to(ROOT))
        for path in MODULES
        if any(name == package or name.startswith(package + ".") for name in imports(path))
    }


def test_features_import_nothing_of_the_farm() -> None:
    assert not {path for path in importers("farm") if path.startswith("features/")}


def test_only_the_rebuild_program_of_features_imports_the_cassandra_driver() -> None:
    assert all(path.startswith("features/rebuild/") for path in importers("cassandra") if path.startswith("features/"))


@pytest.mark.parametrize("package", ["pssh", "mysql", "jinja2", "prometheus_client"])
def test_a_third_party_stands_in_one_module(package: str) -> None:
    assert len(importers(package)) == 1


def test_verbs_are_imported_by_the_application_alone() -> None:
    verbs = {path.stem for path in (ROOT / "farm" / "cli").glob("*.py")} - {"__init__", "app"}
    for path in MODULES:
        if path.parent.name != "cli":
            assert not {f"farm.cli.{verb}" for verb in verbs} & imports(path), path


def test_what_runs_on_a_worker_needs_the_standard_library_alone() -> None:
    import sys

    for path in (ROOT / "farm" / "worker").glob("*.py"):
        outside = {name for name in imports(path) if name.split(".")[0] not in {*sys.stdlib_module_names, "farm"}}
        assert not outside, path


def test_the_readme_is_short_and_shows_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 120
    assert "make demo" in text
    assert "make test" in text
