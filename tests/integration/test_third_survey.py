"""A third survey is a folder: the one of docs/adding-a-survey.md, beside the others, is served as they are."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command import ROOT
from keyspace import admin, own_keyspace, settings_here
from own_table import everywhere, own_table
from provisioning import answer

from farm.home import Home
from features.declare import Survey

pytestmark = [pytest.mark.lab, pytest.mark.timeout(180)]

GUIDE, INGEST = (
    block.split("```")[0] for block in (ROOT / "docs" / "adding-a-survey.md").read_text().split("```python")[1:]
)
SIMULATION = """
import numpy as np

def object_ids(objects):
    return 10**15 + np.arange(objects)

def chunk(ids, index, counts, rng):
    owner = np.repeat(np.arange(len(ids)), counts)
    rank = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    seen = {"atlasId": ids[owner], "mjd": 60000.0 + rank, "obs": rank, "uJy": rng.uniform(1, 900, len(owner))}
    seen |= {"ra": (ids[owner] % 360).astype(float), "dec": np.full(len(owner), -5.0)}
    limits = {"atlasId": ids, "mjd": np.full(len(ids), 59990.0)}
    return {"diffphot": seen, "limits": limits}
"""
OBJECTS, ROWS = 60, 20
DATABASE = "farm_atlas"
RING = "--range=-9223372036854775808:9223372036854775807"


@dataclass(frozen=True)
class Copy:
    """The project with a third folder, and nothing else changed."""

    root: Path
    survey: Survey

    def run(self, *words: str | Path, **environment: str) -> str:
        """What Python with this copy in place of the project prints."""
        done = subprocess.run(
            [sys.executable, *map(str, words)],
            cwd=self.root,
            env=os.environ | {"PYTHONPATH": str(self.root), **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    root = tmp_path_factory.mktemp("third") / "checkout"
    for name in ("farm", "features"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "inventory").symlink_to(ROOT / "inventory")
    (root / "ansible.cfg").symlink_to(ROOT / "ansible.cfg")
    folder = root / "features" / "atlas"
    folder.mkdir()
    (folder / "tables.py").write_text(GUIDE)
    (folder / "__init__.py").write_text("from features.atlas.tables import SURVEY as SURVEY\n")
    (folder / "simulate.py").write_text(SIMULATION)
    (folder / "ingest.py").write_text(INGEST)
    made: dict[str, Any] = {}
    exec(GUIDE, made)
    return Copy(root, made["SURVEY"])


@pytest.fixture(scope="module")
def keyspace(provisioned: None, copy: Copy) -> Iterator[str]:
    """Simulated light curves in Cassandra."""
    with own_keyspace(tables=copy.survey.tables) as name:
        source = f"driver.simulated({OBJECTS}, {ROWS}, 1, 'atlas')"
        copy.run("-c", f"from farm.seed import driver; driver.seed({source}, 'refuse', '{name}')")
        yield name


def test_its_declarations_make_the_schemas_and_the_documentation(copy: Copy) -> None:
    assert "`mjdmax` double DEFAULT NULL" in copy.run("-m", "features", "ddl", "--survey", "atlas")
    assert '"atlasId"' in copy.run("-m", "features", "cql", "--survey", "atlas", "--keyspace", "atlas")
    assert "Greatest flux, without extinction." in copy.run("-m", "features", "docs")


def test_light_curves_become_rows_of_the_table_and_stay_as_they_are(copy: Copy, keyspace: str, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    shutil.copytree(Home("lab").root / "secrets", secrets)
    parts = tmp_path / "parts"
    parts.mkdir()
    with settings_here(tmp_path, keyspace) as cassandra, own_table(DATABASE, secrets, copy.survey):
        rebuild = ("-m", "features.rebuild.main", "--survey", "atlas", "--window", "all", "--cassandra", cassandra)
        told = {"FARM_RUN": "20260101T000000Z-rebuild-0000", "FARM_TASK": "r1", "FARM_ATTEMPT": "1", "FARM_ENV": "lab"}
        copy.run(*rebuild, RING, "--out", parts / "r1.1.csv", **told)
        load = ("-m", "farm.load.main", parts, "--option-file", secrets / "galera_loader.cnf", "--json")
        once, again = (json.loads(copy.run(*load))["load"] for _ in range(2))
        assert (once["inserted"], again["unchanged"], again["inserted"]) == (OBJECTS, OBJECTS, 0)
        found = "COUNT(*), SUM(peak IS NULL), SUM(nlimits), MIN(mjdmax)"
        assert everywhere(DATABASE, f"SELECT {found} FROM objects") == f"{OBJECTS}\t{OBJECTS}\t{OBJECTS}\t60000"
        ask = f"mariadb --batch --skip-column-names {DATABASE}"
        rows = int(answer("g1", ask, "SELECT SUM(mjdmax - 60000 + 1) FROM objects").partition(".")[0])
        assert rows == OBJECTS * ROWS
        answer("g1", ask, "UPDATE objects SET mjdmax = mjdmax + 1 ORDER BY atlasId LIMIT 3")
        assert json.loads(copy.run(*load))["load"]["guarded"] == 3


def test_its_light_curves_come_from_parquet_and_from_packets(copy: Copy, provisioned: None, tmp_path: Path) -> None:
    seen = {"atlasId": [7, 7], "mjd": [60001.0, 60000.0], "obs": [2, 1], "uJy": [9.0, 3.0]}
    pq.write_table(pa.table(seen), tmp_path / "alerts.parquet")
    pq.write_table(pa.table({"atlasId": [7], "mjd": [59999.0]}), tmp_path / "limits.parquet")
    packet = {"night": 60002, "atlasId": 8, "seen": [{"mjd": 60002.0, "obs": 3, "uJy": 4.0}], "limits": [60001.0]}
    record = {"type": "record", "name": "seen", "fields": [
        {"name": "mjd", "type": "double"}, {"name": "obs", "type": "long"}, {"name": "uJy", "type": "double"},
    ]}  # fmt: skip
    schema = {"type": "record", "name": "alert", "fields": [
        {"name": "night", "type": "int"},
        {"name": "atlasId", "type": "long"},
        {"name": "seen", "type": {"type": "array", "items": record}},
        {"name": "limits", "type": {"type": "array", "items": "double"}},
    ]}  # fmt: skip
    with (tmp_path / "night.avro").open("wb") as file:
        fastavro.writer(file, fastavro.parse_schema(schema), [packet])
    with own_keyspace(tables=copy.survey.tables) as name:
        source = f"driver.from_files([Path({str(tmp_path)!r})], 'atlas')"
        seed = f"from pathlib import Path; from farm.seed import driver; driver.seed({source}, 'refuse', '{name}')"
        copy.run("-c", seed)
        with admin() as table:
            rows = table.execute(f'SELECT "atlasId", mjd, "uJy" FROM {name}.diffphot')
            limits = table.execute(f'SELECT "atlasId", mjd FROM {name}.limits')
    assert sorted(map(tuple, rows)) == [(7, 60000.0, 3.0), (7, 60001.0, 9.0), (8, 60002.0, 4.0)]
    assert sorted(map(tuple, limits)) == [(7, 59999.0), (8, 60001.0)]


def test_its_light_curves_are_mined_and_computed_from_files(copy: Copy, tmp_path: Path) -> None:
    rows = {"atlasId": [7, 7, 8], "mjd": [60000.0, 60001.0, 60000.0], "obs": [1, 2, 1], "uJy": [3.0, 9.0, 4.0],
            "ra": [10.0] * 3, "dec": [-5.0] * 3}  # fmt: skip
    pq.write_table(pa.table(rows), tmp_path / "diffphot.parquet")
    pq.write_table(pa.table({"atlasId": [8], "mjd": [59999.0]}), tmp_path / "limits.parquet")
    pq.write_table(pa.table({"atlasId": [7, 8], "ebv": [0.0, 0.0]}), tmp_path / "inputs.parquet")
    compute = ("-m", "features", "compute", "--survey", "atlas", "--candidates", tmp_path, "--window", "all")
    copy.run(*compute, "--out", tmp_path / "rows.parquet")
    found = pq.read_table(tmp_path / "rows.parquet").to_pylist()
    assert [(each["atlasId"], each["peak"], each["nlimits"]) for each in found] == [(7, 9.0, 0), (8, 4.0, 1)]
    script = tmp_path / "brightest.py"
    script.write_text(
        "from features.mining import light_curve\n"
        "@light_curve(columns='uJy', schema={'peak': 'float64'})\n"
        "def brightest(curve):\n"
        "    yield {'peak': max(curve['uJy'])}\n"
    )
    table = f"diffphot={tmp_path / 'diffphot.parquet'}"
    mine = ("-m", "features.mining", f"{script}:brightest", "--survey", "atlas", "--window", "all", "--table", table)
    copy.run(*mine, "--out", tmp_path / "mined.parquet")
    assert sorted(each["peak"] for each in pq.read_table(tmp_path / "mined.parquet").to_pylist()) == [4.0, 9.0]
