"""rebuild_objects on a worker, against the lab's Cassandra."""

import hashlib
import io
import json
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from keyspace import PROGRAM, WORKER, own_keyspace, settings_for
from provisioning import answer, on

from farm import lab
from farm.seed import driver
from farm.seed.store import tokens
from features import survey
from features.batch import compute
from features.curves import LightCurves
from features.rebuild.errors import Exit
from features.text import csv_text

pytestmark = pytest.mark.lab
RING = f"--range={-(2**63)}:{2**63 - 1}"
WIDE, WIDE_ROWS = "ZTF99wideone", 200_000
MIB = 1 << 10
"""In kilobytes, as the kernel counts a process's memory."""

MEASURED = """
import resource, sys
from features.rebuild.main import main
try:
    main()
except SystemExit as ended:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    raise
"""

UNFIT = """
from cassandra import numpy_parser
lossy = numpy_parser.make_native_byteorder
from features.rebuild import cluster
numpy_parser.make_native_byteorder = lossy
from features.rebuild.main import main
main()
"""
"""The program with the driver as it is: with NumPy 2 that returns no rows, and raises nothing."""


@dataclass(frozen=True)
class Part:
    csv: str
    manifest: dict[str, Any]
    stderr: str
    returncode: int
    kilobytes: int
    """The most memory that the process had."""

    @property
    def lines(self) -> list[str]:
        return self.csv.splitlines()[1:]


@dataclass(frozen=True)
class Program:
    """rebuild_objects as user farm on a worker, with a keyspace of its own."""

    settings: str

    def line(self, *options: str, out: str) -> str:
        python = PROGRAM.replace("rebuild_objects", "python")
        arguments = " ".join([*options, "--window all --out", out, "--cassandra", self.settings])
        return f"runuser -u farm -- {python} -c '{MEASURED}' {arguments}"

    def part(self, *options: str) -> Part:
        out = str(Path(self.settings).with_name("t.1.csv"))
        done = on(WORKER, self.line(*options, out=out))
        return self.collect(done, out)

    def collect(self, done: "subprocess.CompletedProcess[str]", out: str) -> Part:
        assert done.returncode in (Exit.OK, Exit.UNREAD), done.stderr
        manifest = json.loads(answer(WORKER, f"cat {out[:-4]}.json"))
        csv = answer(WORKER, f"cat {out}") + "\n"
        assert manifest["sha256"] == hashlib.sha256(csv.encode()).hexdigest()
        return Part(csv, manifest, done.stderr, done.returncode, int(done.stdout))


@pytest.fixture(scope="module")
def program(provisioned: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Cassandra holds three hundred simulated objects, and one of two hundred thousand rows."""
    wide = tmp_path_factory.mktemp("wide") / "wide.parquet"
    jd = 2458000.5 + np.arange(WIDE_ROWS) / 64
    columns: dict[str, Any] = {"objectid": [WIDE] * WIDE_ROWS, "jd": jd, "candid": np.arange(WIDE_ROWS)}
    columns |= {name: np.full(WIDE_ROWS, value) for name, value in {"ra": 10.5, "dec": 3.25, "magpsf": 18.0}.items()}
    columns |= {"sigmapsf": np.full(WIDE_ROWS, 0.125), "fid": np.arange(WIDE_ROWS) % 2 + 1, "nid": jd.astype(int)}
    pq.write_table(pa.table(columns | {"isdiffpos": ["t"] * WIDE_ROWS}), wide)
    with own_keyspace() as keyspace:
        driver.seed(driver.simulated(300, 20, 5), "refuse", keyspace, io.StringIO())
        driver.seed(driver.from_files([wide]), "append", keyspace, io.StringIO())
        with settings_for(keyspace) as settings:
            yield Program(settings)


@pytest.fixture(scope="module")
def whole(program: Program) -> Part:
    return program.part(RING)


def test_the_part_is_what_the_features_of_the_light_curves_are(whole: Part) -> None:
    chunk = next(iter(driver.simulated(300, 20, 5).chunks()))["candidates"]
    types = {column.name: column.cql for column in survey("ztf").detections.columns}
    columns = {}
    for name in survey("ztf").inputs:
        values = chunk[name].astype(np.float32) if types[name] == "float" else chunk[name]
        columns[name] = np.ma.array(np.ma.getdata(values), mask=np.ma.getmaskarray(values))
        if types[name] == "ascii":
            columns[name] = np.where(np.ma.getmaskarray(values), None, np.ma.getdata(values).astype(str).astype(object))
    curves = LightCurves.from_ordered(columns.pop("objectid"), columns)
    expected = csv_text(compute(survey("ztf"), curves, None)).splitlines()
    assert [line for line in whole.lines if not line.startswith(WIDE)] == expected
    assert (whole.manifest["rows"], whole.manifest["objects"]) == (6000 + WIDE_ROWS, 301)
    assert whole.manifest["release"] != "unreleased"


def test_pages_that_end_within_light_curves_change_nothing(program: Program, whole: Part) -> None:
    narrow = f"--range={-(2**63)}:0" if tokens(np.array([WIDE.encode()]))[0] > 0 else f"--range=0:{2**63 - 1}"
    small, large = program.part(narrow, "--page", "7"), program.part(narrow)
    assert len(small.lines) > 100
    assert small.csv == large.csv
    assert set(small.lines) < set(whole.lines)


def test_named_objects_have_the_rows_that_the_ring_has(program: Program, whole: Part) -> None:
    names = [line.split(",")[0] for line in whole.lines][::3]
    file = str(Path(program.settings).with_name("names"))
    answer(WORKER, f"cat > {file}", "\n".join([*names, "ZTF99nothing"]))
    part = program.part("--objects", file)
    assert sorted(part.lines) == sorted(line for line in whole.lines if line.split(",")[0] in names)
    assert part.returncode == Exit.UNREAD
    assert part.manifest["unread"] == ["ZTF99nothing"]
    assert part.manifest["range"] is None


def test_a_wide_light_curve_takes_little_memory(program: Program, whole: Part) -> None:
    without = program.part(RING, "--max-partition-rows", "1000")
    assert whole.kilobytes - without.kilobytes < 100 * MIB
    assert whole.kilobytes < 400 * MIB


def test_a_light_curve_that_is_too_wide_is_named_as_unread(program: Program, whole: Part) -> None:
    part = program.part(RING, "--max-partition-rows", "100000")
    assert part.returncode == Exit.UNREAD
    assert part.manifest["unread"] == [WIDE]
    assert f"{WIDE}: PartitionTooWide: {WIDE_ROWS} rows" in part.stderr
    assert part.lines == [line for line in whole.lines if not line.startswith(WIDE)]


def test_the_check_tells_version_latency_and_nodes(program: Program) -> None:
    said = json.loads(answer(WORKER, f"runuser -u farm -- {PROGRAM} --check"))
    assert said["version"].startswith("5.")
    assert said["latency_ms"] > 0
    (node,) = said["nodes"]
    assert (node["address"], node["dc"], node["version"]) == ("198.18.77.21", "datacenter1", said["version"])
    assert node["up"] is True
    assert uuid.UUID(node["schema"])


def test_a_driver_that_loses_rows_is_an_error(program: Program) -> None:
    python = PROGRAM.replace("rebuild_objects", "python")
    done = on(WORKER, f"runuser -u farm -- {python} -c '{UNFIT}' --check --cassandra {program.settings}")
    assert done.returncode == Exit.CASSANDRA
    assert "the driver loses rows on their way to numpy" in done.stderr


def test_a_wrong_password_is_one_sentence(program: Program) -> None:
    wrong = Path(program.settings).with_name("wrong.json")
    answer(WORKER, f'sed \'s/"password": "[^"]*"/"password": "guessed"/\' {program.settings} > {wrong}')
    done = on(WORKER, f"{PROGRAM} --check --cassandra {wrong}")
    assert done.returncode == Exit.CASSANDRA
    assert "refuses farm_reader" in done.stderr
    assert "guessed" not in done.stderr
    assert "Traceback" not in done.stderr


def test_an_account_that_may_not_read_is_one_sentence(provisioned: None) -> None:
    with own_keyspace(granted=False) as keyspace, settings_for(keyspace) as settings:
        done = on(WORKER, f"{PROGRAM} {RING} --window all --out /tmp/never.csv --cassandra {settings}")
    assert done.returncode == Exit.CASSANDRA
    assert "has no SELECT permission" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def disturbed(program: Program, disturb: Callable[[], object]) -> Part:
    """The ring, read slowly, while something happens to Cassandra."""
    out = str(Path(program.settings).with_name("disturbed.csv"))
    line = program.line(RING, "--page 500 --max-rows-per-second 40000", out=out)
    command = lab.ssh_command(lab.find(WORKER), line)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        time.sleep(2)
        assert running.poll() is None
        disturb()
        stdout, stderr = running.communicate(timeout=100)
    return program.collect(subprocess.CompletedProcess(command, running.returncode, stdout, stderr), out)


def hang() -> None:
    lab.freeze("c1")
    try:
        time.sleep(3)
    finally:
        lab.thaw("c1")


def test_a_cassandra_that_hangs_for_a_while_costs_no_object(program: Program, whole: Part) -> None:
    assert disturbed(program, hang).csv == whole.csv


@pytest.mark.faults
def test_a_cassandra_that_dies_and_comes_back_costs_no_object(program: Program, whole: Part) -> None:
    """Its unit starts it again."""
    assert disturbed(program, lambda: answer("c1", "systemctl kill --signal=KILL cassandra")).csv == whole.csv
