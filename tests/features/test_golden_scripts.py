"""The scripts that make the golden sets, as the documentation has them typed."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command import ROOT

SCRIPTS = {"ztf": "tests/features/golden_set.py", "lsst": "tests/features/lsst_golden_set.py"}


@pytest.mark.parametrize("survey", SCRIPTS)
def test_a_golden_set_is_made_by_its_script(survey: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tests" / "features", tmp_path / "tests" / "features")
    made = tmp_path / "features" / survey / "golden.json.gz"
    made.parent.mkdir(parents=True)
    words = [sys.executable, SCRIPTS[survey]]
    subprocess.run(words, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True, timeout=100)
    new, kept = (json.loads(gzip.decompress(each.read_bytes())) for each in (made, ROOT / made.relative_to(tmp_path)))
    assert new.keys() == kept.keys()
    assert {name: len(values) for name, values in new["values"].items()} == {
        name: len(values) for name, values in kept["values"].items()
    }
