"""What an operator types by hand: the databases' grants are those of the roles, and what changes something says so."""

import json
import re
import subprocess
import sys
from typing import Any, cast

import pytest
from command import ROOT
from documented import FENCE

from farm.provision import cassandra
from farm.provision.galera import ACCOUNTS

STARTED = (ROOT / "docs" / "getting-started.md").read_text()
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
LOOKS = re.compile(
    r"farm (doctor|runs|status|logs|diff|release list|schema diff|lab status|VERB --help)\b"
    r"|farm workers(?! (drain|undrain|add))\b|farm prune .*--dry-run|.*--check\b|(tail|du|lslocks) "
)
"""Commands that change nothing, wherever they are typed."""


def test_galeras_accounts_are_granted_what_the_role_grants() -> None:
    grants = re.findall(r"^GRANT (.+) ON ztf\.\* TO (\w+)@'%';$", STARTED, re.MULTILINE)
    assert {user: tuple(sorted(rights.split(", "))) for rights, user in grants} == ACCOUNTS
    assert set(re.findall(r"^CREATE USER (\w+)@'%' IDENTIFIED BY '...';$", STARTED, re.MULTILINE)) == set(ACCOUNTS)


def test_cassandras_reader_is_granted_what_the_role_grants() -> None:
    wanted = cassandra.Wanted("lasair", 1, "", "...")
    ((_, grants),) = cassandra._grant(cast("Any", None), wanted, there=False)
    made = re.search(r"^CREATE ROLE farm_reader WITH (.+);$", STARTED, re.MULTILINE)
    assert made is not None
    assert re.findall(r"^(GRANT .* TO farm_reader);$", STARTED, re.MULTILINE) == grants
    assert {*made[1].split(" AND "), "SUPERUSER = false"} == {
        *cassandra._role("", "", "...").partition("WITH ")[2].split(" AND ")
    }


def blocks() -> list[str]:
    """Lines of the runbook's blocks."""
    return [line for language, body in FENCE.findall(RUNBOOK) for line in body.splitlines() if language == "sh"]


def test_in_the_runbook_a_line_that_changes_something_says_so_and_no_other() -> None:
    assert len(blocks()) > 30
    assert [line for line in blocks() if bool(LOOKS.match(line)) == ("  # changes" in line)] == []


def test_the_column_to_look_at_only_looks() -> None:
    rows = re.findall(r"^\| \d+ \| \w+ \| [^|]* \| ([^|]*) \|", RUNBOOK, re.MULTILINE)
    commands = [command for row in rows for command in re.findall(r"`(farm [^`]+)`", row)]
    assert len(commands) > 10
    assert [command for command in commands if not LOOKS.match(command)] == []


@pytest.mark.parametrize(("unread", "said"), [(["ZTF18a", "ZTF18b"], "ZTF18a\nZTF18b\n"), ([], "\n")])
def test_names_of_unread_objects_come_into_a_file_one_a_line(unread: list[str], said: str) -> None:
    found = re.search(r"--json \| python3 -c '(.+)' > unread\.txt", RUNBOOK)
    assert found is not None
    told = json.dumps({"schema": 1, "unread": unread})
    done = subprocess.run([sys.executable, "-c", found[1]], input=told, capture_output=True, text=True, check=True)
    assert done.stdout == said


def test_every_page_that_is_made_from_the_code_is_made_by_make_docs() -> None:
    made = re.findall(r"> docs/(\w+)\.md$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    generated = [
        page.stem
        for page in (ROOT / "docs").glob("*.md")
        if re.search(r"^Made by `|Computed by `", page.read_text(), re.M)
    ]
    assert sorted(made) == sorted(generated)
