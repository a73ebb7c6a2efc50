"""Nothing about a survey stands anywhere else than in its folder: not its name, its tables or their columns."""

import re
from pathlib import Path

import features

ROOT = Path(__file__).parents[2]
FOLDERS = ("farm", "features", "roles", "playbooks")
READ = {".py", ".yml", ".j2", ".java", ".js", ".html"}

SHARED = {
    *("ra", "dec", "field", "sky", "visit", "timestamp", "x", "y"),  # words of the field, or of anybody's
    *("pid", "rb"),  # of a process; how a file is opened
    *("ebv", "htm16"),  # made by features/dust.py and features/htm.py, for any survey
}
"""Names that mean something without any survey."""

ALLOWED = {
    "features/__init__.py": {"ztf"},  # which survey is the usual one, said once
    "features/__main__.py": {"candidates"},  # --candidates, as scripts of many nights call the option
    "features/mining/__init__.py": {"jd", "magpsf", "fid"},  # an example of a script
    "roles/upgrade/files/sample.py": {"candidates"},  # it calls `features compute`
}


def names() -> dict[str, set[str]]:
    """What each survey calls itself, its tables and their columns."""
    found = {}
    for name in features.SURVEYS:
        survey = features.survey(name)
        columns = {column for table in survey.tables for column in table.typed}
        features_ = {column.name for column in survey.table}
        found[name] = {name, name.upper()} | {table.name for table in survey.tables} | columns | features_
    return found


def told(path: Path) -> set[str]:
    return set(re.findall(r"\w+", path.read_text()))


def files() -> list[Path]:
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in READ]
    surveys = {ROOT / "features" / name for name in features.SURVEYS}
    return [path for path in [*found, ROOT / "provision.yml"] if not surveys & {*path.parents}]


def test_no_name_of_a_survey_stands_outside_its_folder() -> None:
    of_surveys = set().union(*names().values()) - SHARED
    of_surveys |= {name.lower() for name in of_surveys if name.lower() != name}  # as CQL has them
    found = {str(path.relative_to(ROOT)): told(path) & of_surveys for path in files()}
    wrong = {path: words - ALLOWED.get(path, set()) for path, words in found.items()}
    assert not {path: words for path, words in wrong.items() if words}


def test_what_is_allowed_is_needed() -> None:
    assert {path: words - told(ROOT / path) for path, words in ALLOWED.items()} == {path: set() for path in ALLOWED}
    assert set().union(*names().values()) >= SHARED
