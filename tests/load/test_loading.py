"""farm load: which runs it takes, and how their parts reach a loader that is a host of its own."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import cast

import pytest
from made_runs import files, make_run, settle
from simulated_parts import simulate

from farm import loading
from farm.errors import GaleraError, PartsError, ReleaseError, RunError, UnreachableError
from farm.events import State
from farm.inventory import Host, Inventory
from farm.journal import Journal, Task
from farm.load.check import check_manifests
from farm.load.main import _arguments
from farm.load.merge import Merged
from farm.load.options import EVERYTHING, Options
from farm.load.summary import summary
from farm.load.verify import Verified
from farm.loading import Ready, ready
from farm.objects import listed
from farm.runs import create
from farm.transport import Completed, Transport

HOST = Host("l1", "192.0.2.1", 22, "farm", Path("/nowhere"), None, False, None)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARM_HOME", str(tmp_path / "home"))


def test_a_whole_run_is_ready_with_all_its_files() -> None:
    run = make_run("lab", [simulate(3), simulate(3, first=3)])
    what = ready("lab", "last")
    assert what.run == run
    assert sorted(what.parts) == files(run)


@pytest.mark.parametrize("state", [State.PENDING, State.FAILED, State.HELD, State.CANCELLED])
def test_a_run_that_is_not_whole_is_refused_by_what_is_open(state: State) -> None:
    run = create("lab", "rebuild")
    journal = Journal.create(run.journal, {"folder": "/r"}, [Task("r0", "x"), Task("r1", "x")])
    settle(journal, "r0", State.DONE)
    settle(journal, "r1", state)
    journal.close()
    verb = "retry" if state is State.HELD else "resume"
    todo = f"farm {verb} {run.id} --inventory lab, then load"
    with pytest.raises(RunError, match=rf"is not whole \(1 {state} of 2 tasks\): {todo}"):
        ready("lab", run.id)
    with run.locked(), pytest.raises(RunError, match="wait for its head, then load"):
        ready("lab", run.id)


def test_a_run_of_another_verb_has_no_parts() -> None:
    run = make_run("lab", [simulate(1)], verb="busy")
    with pytest.raises(RunError, match="is one of farm busy and has no parts"):
        ready("lab", run.id)


def test_a_run_of_another_environment_is_refused_by_its_name() -> None:
    run = make_run("prod", [simulate(1)])
    with pytest.raises(RunError, match="belongs to environment prod, not to lab"):
        ready("lab", run.id)


def test_a_run_that_never_began_is_refused() -> None:
    run = create("lab", "rebuild")
    with pytest.raises(RunError, match="never began"):
        ready("lab", run.id)


def test_a_part_that_is_gone_is_named() -> None:
    run = make_run("lab", [simulate(3)])
    (run.parts / "r0.1.json").unlink()
    with pytest.raises(PartsError, match=r"r0\.1\.json"):
        ready("lab", run.id)


@dataclass
class LocalSession:
    """A session whose host is a folder: paths of the loader lie under it."""

    root: Path
    commands: list[str] = field(default_factory=list)

    def _here(self, command: str) -> str:
        return command.replace("/var/lib/farm/loads", f"{self.root}/loads").replace("/opt/farm", f"{self.root}/opt")

    def run(self, command: str, timeout: float) -> Completed:
        self.commands.append(command)
        done = subprocess.run(["sh", "-c", self._here(command)], capture_output=True, text=True, timeout=timeout)
        return Completed(done.returncode, done.stdout, done.stderr)

    def open(self, command: str) -> "LocalPipe":
        return LocalPipe(self.run(command, 10).out)

    def fetch(self, remote: str, local: Path) -> None:
        raise AssertionError("a load fetches nothing")

    def put(self, local: Path, remote: str) -> None:
        shutil.copyfile(local, self._here(remote))

    def close(self) -> None:
        self.commands.append("close")


@dataclass
class LocalPipe:
    out: str

    def send(self, data: bytes) -> None:
        raise AssertionError("a load says nothing to its program")

    def lines(self) -> Iterator[bytes]:
        yield from self.out.encode().splitlines()

    def errors(self) -> str:
        return ""


@dataclass
class LocalTransport:
    session: LocalSession

    def connect(self, host: Host) -> LocalSession:
        return self.session


@pytest.fixture
def session(tmp_path: Path) -> LocalSession:
    return LocalSession(tmp_path / "loader")


def install(session: LocalSession, script: str) -> None:
    """Put a program in csv_to_database's place on the loader."""
    program = session.root / "opt" / "releases" / ("a" * 64) / "bin" / "csv_to_database"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def there(
    what: Ready, session: LocalSession, shared: Path | None = None, options: Options = EVERYTHING
) -> dict[str, object]:
    return loading._there(
        cast(Inventory, Hosts(shared)), what, cast(Transport, LocalTransport(session)), options.argv()
    )


@dataclass
class Hosts:
    """As much of an inventory as a load on a host of its own asks."""

    shared_dir: Path | None
    path: Path = Path("/etc/farm/prod")

    def group(self, _name: str) -> tuple[Host, ...]:
        return (HOST,)


def test_a_loader_of_its_own_gets_the_parts_and_runs_the_program_of_the_runs_release(
    session: LocalSession, capfd: pytest.CaptureFixture[str]
) -> None:
    run = make_run("lab", [simulate(3)])
    install(session, """echo "stage 3 of 3 rows" >&2; echo '{"ok": true, "argv": "'"$*"'"}'""")
    said = there(ready("lab", "last"), session)
    assert said["argv"] == f"{session.root}/loads/{run.id} --option-file /etc/farm/loader.cnf --json"
    copies = sorted((session.root / "loads" / run.id).iterdir())
    assert [path.read_bytes() for path in copies] == [path.read_bytes() for path in files(run)]
    assert "stage 3 of 3 rows" in capfd.readouterr().err
    assert session.commands[-1] == "close"


def test_what_the_operator_asked_for_reaches_the_program_on_the_loader(session: LocalSession) -> None:
    make_run("lab", [simulate(3)])
    install(session, """echo '{"argv": "'"$*"'"}'""")
    options = Options(("gmag", "rmag"), ("gmag",), max_rate=500.0, sample=True)
    argv = str(there(ready("lab", "last"), session, options=options)["argv"]).split()[4:]
    assert argv == ["--columns=gmag,rmag", "--keep-not-null=gmag", "--max-rate=500.0", "--verify=sample"]
    arguments = _arguments().parse_args(["DIR", "--option-file=FILE", *argv])
    assert (arguments.columns, arguments.keep_not_null) == (options.columns, options.keep_not_null)
    assert (arguments.max_rate, arguments.verify) == (500.0, "sample")


def test_parts_that_the_loader_has_are_not_copied_again(session: LocalSession) -> None:
    run = make_run("lab", [simulate(3)])
    install(session, "echo '{}'")
    kept = session.root / "loads" / run.id / "r0.1.csv"
    kept.parent.mkdir(parents=True)
    kept.write_text("kept")
    there(ready("lab", "last"), session)
    assert kept.read_text() == "kept"
    assert (kept.parent / "r0.1.json").exists()


def test_a_shared_folder_takes_the_place_of_the_copy(session: LocalSession, tmp_path: Path) -> None:
    run = make_run("lab", [simulate(3)])
    install(session, """echo '{"argv": "'"$1"'"}'""")
    shared = tmp_path / "shared"
    assert there(ready("lab", "last"), session, shared)["argv"] == str(shared / "loads" / run.id)
    assert len(list((shared / "loads" / run.id).iterdir())) == 2
    assert not (session.root / "loads").exists()


def test_the_programs_error_is_the_loads(session: LocalSession) -> None:
    make_run("lab", [simulate(3)])
    install(session, "echo 'check 3 rows' >&2; echo 'csv_to_database: no node can be used' >&2; exit 15")
    with pytest.raises(GaleraError, match=r"^no node can be used$"):
        there(ready("lab", "last"), session)


def test_a_loader_without_the_runs_release_is_named(session: LocalSession) -> None:
    make_run("lab", [simulate(3)])
    with pytest.raises(
        ReleaseError, match=r"l1 .* lacks /opt/.*/a+/bin/csv_to_database.* -i /etc/farm/prod provision.yml"
    ):
        there(ready("lab", "last"), session)


def test_a_connection_that_breaks_is_not_taken_for_an_end(session: LocalSession) -> None:
    make_run("lab", [simulate(3)])
    install(session, "kill -9 $PPID")
    with pytest.raises(UnreachableError, match=r"broke during the load: farm load \S+ --inventory lab goes on"):
        there(ready("lab", "last"), session)


def test_a_summary_is_kept_with_its_run_and_its_lists_beside_it() -> None:
    run = make_run("lab", [simulate(3)])
    said = {"load": {"guarded_objects": ["ZTF1", "ZTF2"], "absent_objects": []}}
    loading.keep(run, said)
    assert json.loads((run.load / "summary.json").read_text()) == said
    assert listed(run.load / "guarded.txt").ids == ("ZTF1", "ZTF2")
    assert (run.load / "absent.txt").read_text() == ""


def test_an_undo_is_kept_beside_the_load_s_summary() -> None:
    run = make_run("lab", [simulate(3)])
    loading.keep(run, {"load": {"guarded_objects": ["ZTF1"], "absent_objects": []}})
    loading.keep(run, {"load": None, "undo": {"restored": 3}})
    assert json.loads((run.load / "undo.json").read_text())["undo"] == {"restored": 3}
    assert (run.load / "guarded.txt").read_text() == "ZTF1\n"
    assert "load" in json.loads((run.load / "summary.json").read_text())


def test_where_the_names_of_guarded_and_absent_objects_stand_is_said_with_what_brings_them_up_to_date() -> None:
    run = make_run("lab", [simulate(3)])
    merged = Merged(node="g1", updated=1, guarded=["ZTF1"], absent=["ZTF2"])
    said = summary(check_manifests(run.parts), "update", merged, Verified(equal=1, guarded=1, missing=1), {})
    lab = cast(Inventory, SimpleNamespace(env="lab", argument="/some where/lab"))
    told = "\n".join(loading.told(lab, said))
    assert f"farm rebuild --objects {run.load}/guarded.txt --inventory '/some where/lab'" in told
    assert f"{run.load}/absent.txt" in told
    nothing = summary(check_manifests(run.parts), "update", Merged(node="g1", updated=3), Verified(equal=3), {})
    assert ".txt" not in "\n".join(loading.told(lab, nothing))


def test_the_folder_of_the_release_is_a_path_of_the_loader() -> None:
    make_run("lab", [simulate(3)])
    assert ready("lab", "last").release == PurePosixPath("/opt/farm/releases", "a" * 64)
