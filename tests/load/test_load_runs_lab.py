"""farm load, playbooks/load.yml and farm export on the lab, and a loader that is a host of its own."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from command import ROOT, farm
from made_runs import make_run
from provisioning import playbook
from simulated_parts import ZTF, simulate

from farm import lab
from farm.journal import Journal, noted
from farm.runs import Run

pytestmark = pytest.mark.lab
Sql = Callable[..., str]


@pytest.fixture
def run(table: Sql) -> Iterator[Run]:
    """A run of 300 objects in three parts."""
    made = make_run("lab", [simulate(100, seed=seed, first=100 * seed) for seed in range(3)])
    yield made
    shutil.rmtree(made.folder)


def test_farm_load_loads_a_run_and_keeps_its_summary(run: Run, table: Sql) -> None:
    said = farm("load", run.id, "--inventory", "lab", "--json").json()
    assert (said["schema"], said["run"], said["load"]["inserted"], said["verify"]["equal"]) == (1, run.id, 300, 300)
    assert json.loads((run.load / "summary.json").read_text()) == said
    assert table("SELECT COUNT(*) FROM objects WHERE objectId LIKE 'LT%'") == "300"
    again = farm("load", run.id)
    assert again.code == 0, again.stderr
    assert "0 inserted + 0 updated + 300 unchanged + 0 guarded + 0 rejected + 0 absent = 300" in again.stdout
    assert f"300 rows x {len(ZTF.columns)} columns read back from" in again.stdout


def test_the_playbook_does_the_same(run: Run, table: Sql) -> None:
    first = playbook("playbooks/load.yml", "-e", f"run={run.id}")
    assert first.returncode == 0, first.output
    assert "300 inserted + 0 updated" in first.stdout
    assert first.changed == {"localhost": 1}
    assert json.loads((run.load / "summary.json").read_text())["verify"]["equal"] == 300
    assert run.is_loaded()
    again = playbook("playbooks/load.yml", "-e", f"run={run.id}")
    assert again.returncode == 0, again.output
    assert "300 unchanged" in again.stdout
    assert again.changed == {"localhost": 0}


MOVED = "UPDATE objects SET gmag = 7, rmag = 8, jdmax = jdmax - 1 WHERE objectId LIKE 'LT%'"
HAVE_MOVED = "SELECT SUM(gmag = 7), SUM(rmag = 8) FROM objects WHERE objectId LIKE 'LT%'"


def test_farm_load_takes_some_columns_and_its_undo_puts_them_back(run: Run, table: Sql) -> None:
    assert farm("load", run.id).code == 0
    table(MOVED)
    said = farm("load", run.id, "--columns=gmag", "--max-changed=1", "--max-new-nulls=1", "--json").json()
    assert (said["load"]["updated"], said["verify"]["differing"]) == (300, 0)
    assert table(HAVE_MOVED).split() == ["0", "300"]
    undone = farm("load", run.id, "--undo", "--json").json()
    assert (undone["undo"]["restored"], undone["undo"]["inserted"]) == (300, 300)
    assert table(HAVE_MOVED).split() == ["300", "300"]
    assert json.loads((run.load / "undo.json").read_text()) == undone
    refused = farm("load", run.id, "--undo", "--columns=gmag")
    assert refused.code == 2
    assert "--undo takes no other option" in refused.stderr


VALUES = "SELECT COUNT(gmag) FROM objects WHERE objectId LIKE 'LT%'"


def test_a_load_of_a_new_column_that_is_killed_half_way_goes_on_and_its_report_keeps_what_was_before(
    run: Run, table: Sql
) -> None:
    assert farm("load", run.id).code == 0
    valued = int(table(VALUES))
    table("UPDATE objects SET gmag = NULL WHERE objectId LIKE 'LT%'")
    words = [str(Path(sys.executable).with_name("farm")), "load", run.id, "--columns=gmag", "--max-rate=60"]
    loader = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while int(table(VALUES)) < 60:
            assert time.monotonic() < end
            assert loader.poll() is None
    finally:
        loader.kill()
        loader.wait()
    assert 60 <= int(table(VALUES)) < 200
    before = (run.load / "diff.json").read_text()
    assert not run.is_loaded()
    again = farm("load", run.id, "--columns=gmag", "--json")
    assert again.json()["load"]["updated"] == int(table(VALUES)) == valued
    assert "going on after" in again.stderr
    assert (run.load / "diff.json").read_text() == before
    assert run.is_loaded()


def test_a_greatest_rate_is_kept(run: Run, table: Sql) -> None:
    said = farm("load", run.id, "--max-rate=100", "--json").json()
    assert said["rows"] / said["seconds"]["merge"] <= 110


def test_the_playbook_takes_the_options_of_farm_load(run: Run, table: Sql) -> None:
    assert farm("load", run.id).code == 0
    table(MOVED)
    refused = playbook("playbooks/load.yml", "-e", f"run={run.id}")
    assert refused.returncode == 2
    assert "--max-changed" in refused.output
    options = {"load_options": "--columns=gmag --max-changed=1 --max-new-nulls=1"}
    loaded = playbook("playbooks/load.yml", "-e", f"run={run.id}", "-e", json.dumps(options))
    assert loaded.returncode == 0, loaded.output
    assert "300 updated" in loaded.stdout
    undone = playbook("playbooks/load.yml", "-e", f"run={run.id}", "-e", '{"load_options": "--undo"}')
    assert undone.returncode == 0, undone.output
    assert undone.changed == {"localhost": 1}
    assert "300 restored" in undone.stdout
    assert table(HAVE_MOVED).split() == ["300", "300"]


def test_the_playbook_in_check_mode_loads_nothing(run: Run, table: Sql) -> None:
    looked = playbook("playbooks/load.yml", "--check", "-e", f"run={run.id}")
    assert looked.returncode == 0, looked.output
    assert table("SELECT COUNT(*) FROM objects WHERE objectId LIKE 'LT%'") == "0"
    assert not run.begun.exists()


@pytest.mark.parametrize(
    ("extra", "said"), [([], "No run is named"), (["-e", "run=20200101"], "environment lab has no run 20200101")]
)
def test_the_playbook_says_which_run_it_lacks(provisioned: None, extra: list[str], said: str) -> None:
    done = playbook("playbooks/load.yml", *extra)
    assert done.returncode == 2
    assert said in " ".join(done.output.split())


def test_the_playbook_tells_why_parts_are_refused(run: Run) -> None:
    csv = run.parts / "r1.1.csv"
    csv.write_bytes(csv.read_bytes()[:-1])
    done = playbook("playbooks/load.yml", "-e", f"run={run.id}")
    assert done.returncode == 2
    assert f"the part {csv} is damaged" in " ".join(done.output.split())


def test_an_export_holds_what_was_loaded_at_the_columns_types(run: Run, tmp_path: Path) -> None:
    assert farm("load", run.id).code == 0
    out = tmp_path / "objects.parquet"
    said = farm("export", "--inventory", "lab", "--out", str(out), "--json").json()
    table = pq.read_table(out)
    assert (said["rows"], said["columns"]) == (table.num_rows, [column.name for column in ZTF.columns])
    names = np.array(table["objectId"].to_pylist())
    assert (np.sort(names) == names).all()
    ours = np.char.startswith(names, "LT")
    types = {"double": "double", "float": "float", "int": "int32", "bigint": "int64", "varchar": "string"}
    for column in ZTF.columns:
        assert str(table.schema.field(column.name).type) == types[column.sql.partition("(")[0]]
    parts = [simulate(100, seed=seed, first=100 * seed) for seed in range(3)]
    for column in ZTF.features:
        got = table[column.name].filter(ours)
        missing = np.concatenate([part.missing[column.name] for part in parts])
        wanted = np.concatenate([part.values[column.name] for part in parts])[~missing]
        if column.sql == "float":
            wanted = wanted.astype(np.float32)
        assert got.is_null().to_pylist() == missing.tolist()
        assert got.drop_null().to_pylist() == wanted.tolist()


def test_an_export_that_cannot_be_written_leaves_nothing(provisioned: None, tmp_path: Path) -> None:
    done = farm("export", "--out", str(tmp_path / "nowhere" / "objects.parquet"))
    assert done.code == 17
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def other_loader(run: Run, tmp_path: Path) -> Iterator[Path]:
    """The same environment with another loader: c1, which becomes one by the loader role alone."""
    inventory = tmp_path / "lab"
    shutil.copytree(ROOT / "inventory" / "lab", inventory)
    hosts = yaml.safe_load((inventory / "hosts.yml").read_text())
    hosts["all"]["children"]["loader"] = {"hosts": {"c1": {}}}
    (inventory / "hosts.yml").write_text(yaml.safe_dump(hosts))
    play = [{"name": "The loader can load", "hosts": "loader", "gather_facts": False, "roles": ["loader"]}]
    (tmp_path / "loader.yml").write_text(yaml.safe_dump(play))
    made = playbook(str(tmp_path / "loader.yml"), inventory=str(inventory))
    assert made.returncode == 0, made.output
    yield inventory
    on_c1("userdel --force --remove farm; rm -rf /opt/farm /etc/farm /var/lib/farm")


def on_c1(script: str) -> str:
    command = lab.ssh_command(lab.find("c1"), script)
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()


@pytest.mark.timeout(400)
def test_a_loader_of_its_own_loads_the_same(run: Run, other_loader: Path, table: Sql) -> None:
    release = Path(on_c1("readlink -e /opt/farm/current"))
    journal = Journal(run.journal)
    journal.commit([noted("folder", str(release))])
    journal.close()
    for manifest in run.parts.glob("*.json"):
        manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "release": release.name}))
    done = farm("load", run.id, "--inventory", str(other_loader), "--json")
    said = done.json()
    assert (said["load"]["inserted"], said["verify"]["equal"]) == (300, 300)
    assert "copy" in done.stderr
    assert "verify" in done.stderr
    assert json.loads((run.load / "summary.json").read_text()) == said
    assert on_c1("stat -c '%U %a' /etc/farm/loader.cnf") == "farm 600"
    again = playbook("playbooks/load.yml", "-e", f"run={run.id}", inventory=str(other_loader))
    assert again.returncode == 0, again.output
    assert "300 unchanged" in again.stdout
