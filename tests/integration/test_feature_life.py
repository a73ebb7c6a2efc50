"""docs/feature-life.md as it stands, on the lab: a feature that production lacks, into Galera and back out."""

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import numpy as np
import pyarrow.parquet as pq
import pytest
from command import ROOT
from light_curves import REAL_CANDIDATES, REAL_DATA, Seeded
from own_table import everywhere, own_table
from provisioning import answer
from told import Checkout, chapters

from farm.home import Home
from features import survey

pytestmark = [pytest.mark.lab, pytest.mark.realdata, pytest.mark.timeout(400)]

DATABASE = "feature_life"
WORKERS = ("w1", "w2", "w3", "w4")
DECLARED = ", ".join(feature.name for feature in survey("ztf").features)
AS_BEFORE = f"SELECT COUNT(*), BIT_XOR(CRC32(CONCAT_WS(',', objectId, {DECLARED}))) FROM objects"
"""One number for all that production has."""


@dataclass(frozen=True)
class Releases:
    """Those of a worker."""

    current: str
    former: str
    staged: frozenset[str]

    @classmethod
    def of(cls, worker: str) -> "Releases":
        said = answer(worker, "cd /opt/farm; readlink current; readlink previous || echo; ls releases").split("\n")
        return cls(said[0], said[1], frozenset(said[2:]))

    def restore(self, worker: str) -> None:
        links = {"current": self.current, "previous": self.former}
        link = "ln -sfn {1} {0}.new && mv -T {0}.new {0}"
        commands = [link.format(*each) if each[1] else f"rm -f {each[0]}" for each in links.items()]
        commands += [f"rm -rf releases/{name}" for name in Releases.of(worker).staged - self.staged]
        answer(worker, f"cd /opt/farm; {'; '.join(commands)}")


@dataclass(frozen=True)
class Life:
    checkout: Checkout
    releases: dict[str, Releases]
    """Of each worker, before."""
    table: str
    """What ``AS_BEFORE`` says."""

    def current(self) -> dict[str, str]:
        return {worker: Releases.of(worker).current for worker in WORKERS}

    def reference(self) -> ModuleType:
        """The plain definitions, with the new one."""
        file = self.checkout.root / "tests" / "features" / "reference.py"
        spec = importlib.util.spec_from_file_location("told_reference", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


@pytest.fixture
def life(seeded: Seeded) -> Iterator[Life]:
    """A checkout and a home of its own, a loaded table of its own; the workers are as before in the end."""
    before = {worker: Releases.of(worker) for worker in WORKERS}
    with TemporaryDirectory(prefix="farm-life-") as folder:  # a short name: Ansible keeps sockets below HOME
        checkout = Checkout.make(Path(folder))
        own, shared = checkout.home / ".farm" / "lab", Home("lab").root
        shutil.copytree(shared, own, ignore=lambda at, names: set(names) - KEPT if at == str(shared) else set())
        (own / "wheels").symlink_to(shared / "wheels")
        (checkout.root.parent / "shared").symlink_to(REAL_DATA.parent)
        (checkout.root / "candidates.parquet").symlink_to(REAL_CANDIDATES)
        with own_table(DATABASE, own / "secrets"):
            checkout.run("farm rebuild --inventory lab && farm load last --inventory lab")
            try:
                yield Life(checkout, before, everywhere(DATABASE, AS_BEFORE))
            finally:
                for worker, releases in before.items():
                    releases.restore(worker)


KEPT = {"id_ed25519", "id_ed25519.pub", "known_hosts", "secrets"}
"""What the home of this test has of the lab's."""


def values(life: Life) -> dict[str, list[str]]:
    """Both features of every object, at every node the same."""
    rows = everywhere(DATABASE, "SELECT objectId, eta_g + 0e0, eta_r + 0e0 FROM objects")
    return {name: features for name, *features in (row.split("\t") for row in rows.split("\n"))}


def columns_are_there_and_empty(life: Life) -> None:
    assert {each for features in values(life).values() for each in features} == {"NULL"}
    assert everywhere(DATABASE, AS_BEFORE) == life.table


def new_code_is_current_on_every_worker(life: Life) -> None:
    current = life.current()
    assert len(set(current.values())) == 1
    for worker, before in life.releases.items():
        assert current[worker] != before.current
        knows = "import features; print('eta_g' in features.schema.header(features.survey('ztf')))"
        assert answer(worker, f'/opt/farm/current/bin/python -c "import features.schema; {knows}"') == "True"


def values_are_those_of_the_plain_definition(life: Life) -> None:
    curves: dict[str, list[dict[str, object]]] = {}
    for row in pq.read_table(REAL_CANDIDATES).to_pylist():
        curves.setdefault(row["objectid"], []).append(row)
    found, plain = values(life), life.reference()
    assert found.keys() == curves.keys()
    there = 0
    for name in list(curves)[::5]:
        wanted = plain.features(name, curves[name], 30.0)
        for text, value in zip(found[name], (wanted["eta_g"], wanted["eta_r"]), strict=True):
            assert (text == "NULL") == (value is None), name
            there += value is not None
            assert value is None or np.isclose(float(text), value, rtol=2e-7, atol=0), name
    assert there > len(curves) / 20
    assert everywhere(DATABASE, AS_BEFORE) == life.table


def former_code_is_current_on_every_worker(life: Life) -> None:
    assert life.current() == {worker: before.current for worker, before in life.releases.items()}
    assert "eta_g" not in life.checkout.run("python -m features ddl")


def table_is_as_it_was(life: Life) -> None:
    of_table = f"table_schema = '{DATABASE}' AND table_name = 'objects'"
    there = everywhere(DATABASE, f"SELECT column_name FROM information_schema.columns WHERE {of_table}")
    assert there.split() == ["objectId", *DECLARED.split(", ")]
    assert everywhere(DATABASE, AS_BEFORE) == life.table


def nothing_more(life: Life) -> None:
    """What the chapter's text blocks show is all there is to see."""


CHAPTERS: dict[str, Callable[[Life], None]] = {
    "1. Write it": nothing_more,
    "2. Look at what it does, on files": nothing_more,
    "3. Columns for it": columns_are_there_and_empty,
    "4. The code to the hosts": new_code_is_current_on_every_worker,
    "5. The values": values_are_those_of_the_plain_definition,
    "6. Taken back: the values": columns_are_there_and_empty,
    "7. Taken back: the code": former_code_is_current_on_every_worker,
    "8. Taken back: the columns": table_is_as_it_was,
}


def test_a_feature_is_written_brought_to_galera_and_taken_back_as_the_document_says(life: Life) -> None:
    told = dict(chapters(ROOT / "docs" / "feature-life.md"))
    assert list(told) == list(CHAPTERS)
    for title, blocks in told.items():
        for block in blocks:
            life.checkout.do(block)
        CHAPTERS[title](life)
