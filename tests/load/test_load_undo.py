"""What is undone, before anything is asked of a database."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from test_load_place import LOAD

from farm.errors import InputError
from farm.galera import Account
from farm.load.place import new
from farm.load.undo import statements, undo

ACCOUNT = cast(Account, SimpleNamespace(environment="lab"))


def test_a_load_of_a_column_that_is_declared_no_more_is_a_sentence_and_no_load_is_undone(tmp_path: Path) -> None:
    new(tmp_path, replace(LOAD, columns=("gmag", "gone1", "gone2")))
    latest = new(tmp_path, LOAD)
    with pytest.raises(InputError, match=r"wrote gone1, gone2, which ztf declares no more; nothing was undone"):
        undo(tmp_path, ACCOUNT)
    assert not latest.undone
    assert [each.name for each in statements(LOAD).written] == ["gmag"]
