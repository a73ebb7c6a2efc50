"""csv_to_database against the lab's three Galera nodes."""

import json
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Own, sql
from loaders import counts
from simulated_parts import ZTF, plain, simulate, with_field, write_part

from farm.errors import GaleraError, InputError, PartsError
from farm.galera import Account, Node, NodeLostError, read_account
from farm.load import merge as merging
from farm.load import pacing
from farm.load.check import check_manifests
from farm.load.main import load
from farm.load.place import Ledger
from farm.load.summary import lines

pytestmark = pytest.mark.lab
Sql = Callable[..., str]
OptionFile = Callable[..., Path]


def program(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [Path(sys.executable).with_name("csv_to_database"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_load_inserts_and_reads_every_row_back_from_another_node(option_file: OptionFile, tmp_path: Path) -> None:
    write_part(tmp_path / "parts", simulate(700))
    done = program(tmp_path / "parts", "--option-file", option_file(), "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert counts(said) == {"inserted": 700}
    verify = said["verify"]
    assert (verify["compared"], verify["equal"], verify["columns"]) == (700, 700, len(ZTF.columns))
    assert len(set(verify["nodes"]) - {said["load"]["node"]}) == 2
    assert "verify" in done.stderr


def test_the_same_load_again_changes_nothing(option_file: OptionFile, tmp_path: Path) -> None:
    write_part(tmp_path / "parts", simulate(700))
    load(tmp_path / "parts", option_file())
    again = load(tmp_path / "parts", option_file())
    assert counts(again) == {"unchanged": 700}
    assert again["ok"]


def test_a_node_without_a_free_connection_is_left_for_another_one(own: Own, tmp_path: Path) -> None:
    write_part(tmp_path / "parts", simulate(700))
    account = read_account(own.option_file())
    first, second, third = account.hosts
    most = sql("SELECT @@max_connections")
    sql("SET GLOBAL max_connections = 10")
    try:
        with ExitStack() as crowd:
            with pytest.raises(NodeLostError, match=f"{first} takes no more connections"):
                deque(crowd.enter_context(Node(account, first)) for _ in range(11))
            said = load(tmp_path / "parts", own.option_file())
    finally:
        sql(f"SET GLOBAL max_connections = {most}")
    assert (counts(said), said["load"]["node"], said["verify"]["nodes"], said["ok"]) == (
        {"inserted": 700}, second, [third], True)  # fmt: skip


def test_a_run_without_rows_is_loaded(option_file: OptionFile, tmp_path: Path) -> None:
    write_part(tmp_path / "parts", simulate(0))
    said = load(tmp_path / "parts", option_file())
    assert (counts(said), said["verify"]["compared"], said["ok"]) == ({}, 0, True)


def test_rows_that_differ_are_updated_and_only_these(option_file: OptionFile, tmp_path: Path) -> None:
    rows = simulate(700)
    write_part(tmp_path / "parts", rows)
    load(tmp_path / "parts", option_file())
    rows.values["gmag"][10:15] += 1
    rows.missing["gmag"][10:15] = ~rows.missing["gmag"][10:15]
    write_part(tmp_path / "parts", rows)
    assert counts(load(tmp_path / "parts", option_file())) == {"updated": 5, "unchanged": 695}


def test_a_row_that_the_pipeline_has_brought_further_is_left_alone(
    option_file: OptionFile, table: Sql, tmp_path: Path
) -> None:
    rows = simulate(100)
    write_part(tmp_path / "parts", rows)
    load(tmp_path / "parts", option_file())
    table("UPDATE objects SET jdmax = jdmax + 1, gmag = 7 WHERE objectId = 'LT0000003'")
    table("UPDATE objects SET ncand = ncand + 1, gmag = 8 WHERE objectId = 'LT0000004'")
    table("UPDATE objects SET jdmax = jdmax - 1, gmag = 9 WHERE objectId = 'LT0000005'")
    said = load(tmp_path / "parts", option_file())
    assert counts(said) == {"updated": 1, "unchanged": 97, "guarded": 2}
    assert said["load"]["guarded_objects"] == ["LT0000003", "LT0000004"]
    assert (said["verify"]["equal"], said["verify"]["guarded"], said["ok"]) == (98, 2, True)
    assert table("SELECT gmag FROM objects WHERE objectId IN ('LT0000003', 'LT0000004')").split() == ["7", "8"]


def test_counts_of_another_window_are_not_compared(option_file: OptionFile, table: Sql, tmp_path: Path) -> None:
    write_part(tmp_path / "parts", simulate(10))
    load(tmp_path / "parts", option_file())
    table("UPDATE objects SET ncand = ncand + 500 WHERE objectId = 'LT0000004'")
    assert counts(load(tmp_path / "parts", option_file(window="all"))) == {"updated": 1, "unchanged": 9}


def test_mode_update_lists_absent_rows_and_inserts_none(option_file: OptionFile, table: Sql, tmp_path: Path) -> None:
    write_part(tmp_path / "parts", simulate(6))
    load(tmp_path / "parts", option_file())
    changed = simulate(10)
    changed.values["jdmax"] = changed.values["jdmax"] + 1
    write_part(tmp_path / "parts", changed)
    said = load(tmp_path / "parts", option_file(mode="update"))
    assert counts(said) == {"updated": 6, "absent": 4}
    assert said["load"]["absent_objects"] == [f"LT000000{at}" for at in range(6, 10)]
    assert (said["verify"]["missing"], said["ok"]) == (4, True)
    assert table("SELECT COUNT(*) FROM objects WHERE objectId LIKE 'LT%'") == "6"


def test_zeros_are_null_in_a_table_that_has_them_so(option_file: OptionFile, table: Sql, tmp_path: Path) -> None:
    rows = simulate(300)
    zeros = int(((rows.values["decmean"] == 0) & ~rows.missing["decmean"]).sum())
    assert zeros
    write_part(tmp_path / "parts", rows)
    as_null = load(tmp_path / "parts", option_file(zeros="null"))
    assert (as_null["verify"]["equal"], as_null["ok"]) == (300, True)
    assert table("SELECT COUNT(*) FROM objects WHERE objectId LIKE 'LT%' AND (decmean = 0 OR gmag = 0)") == "0"
    as_zero = load(tmp_path / "parts", option_file(zeros="zero"))
    assert as_zero["ok"]
    assert table("SELECT COUNT(*) FROM objects WHERE objectId LIKE 'LT%' AND decmean = 0") == str(zeros)


def test_a_value_that_differs_is_found_and_named(option_file: OptionFile, table: Sql, tmp_path: Path) -> None:
    rows = simulate(500)
    rows.values["gmag"][42], rows.missing["gmag"][42] = 18.25, False
    write_part(tmp_path / "parts", rows)
    load(tmp_path / "parts", option_file())
    table("UPDATE objects SET gmag = 18.250002 WHERE objectId = 'LT0000042'", "g3")
    table("DELETE FROM objects WHERE objectId = 'LT0000077'", "g3")
    done = program(tmp_path / "parts", "--option-file", option_file(), "--verify-only", "--json")
    assert done.returncode == 32, done.stderr
    said = json.loads(done.stdout)
    verify = said["verify"]
    assert said["load"] is None
    assert (verify["equal"], verify["differing"], verify["missing"]) == (498, 1, 1)
    assert verify["differing_columns"] == {"gmag": 1}
    assert (verify["worst"]["object"], verify["worst"]["part"], verify["worst"]["table"]) == (
        "LT0000042", "18.25", "18.250002"
    )  # fmt: skip
    assert "  worst: gmag of LT0000042 is 18.250002 in the table, 18.25 in its part" in lines(said)


def test_what_the_server_would_round_is_refused_and_nothing_is_loaded(
    option_file: OptionFile, table: Sql, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the check of fields lets it through."""
    monkeypatch.setattr("farm.load.check.check_folder", check_manifests)
    csv = write_part(tmp_path / "parts", with_field(plain(10), 4, "gmag", "1_8"))
    with pytest.raises(PartsError, match=rf"{csv} cannot be staged.*gmag.*row 5"):
        load(tmp_path / "parts", option_file())
    assert table("SELECT COUNT(*) FROM objects WHERE objectId LIKE 'LT%'") == "0"


def test_the_word_null_and_the_largest_single_are_loaded_as_what_they_are(
    option_file: OptionFile, table: Sql, tmp_path: Path
) -> None:
    rows = plain(4)
    rows.values["ssnamenr"][0], rows.missing["ssnamenr"][0] = "NULL", False
    rows.values["gmag"][1:3], rows.missing["gmag"][1:3] = [3.4028234663852886e38, -3.4028234663852886e38], False
    write_part(tmp_path / "parts", rows)
    assert load(tmp_path / "parts", option_file())["verify"]["equal"] == 4
    assert table("SELECT objectId FROM objects WHERE ssnamenr = 'NULL'") == "LT0000000"
    assert table("SELECT MAX(gmag + 0e0) = 3.4028234663852886e38 FROM objects WHERE objectId LIKE 'LT%'") == "1"


def test_sql_in_a_name_is_a_name(option_file: OptionFile, table: Sql, tmp_path: Path) -> None:
    rows = plain(4)
    rows.object_id[:] = ["LT';DROP/**/--", 'LT")OR(1=1)#', "LT%s`\\", "LT,\\N"]
    folder = tmp_path / "parts; DROP TABLE objects; -- (%s) #ä"
    write_part(folder, rows)
    said = load(folder, option_file())
    assert (counts(said), said["verify"]["equal"]) == ({"inserted": 4}, 4)
    names = table("SELECT HEX(objectId) FROM objects WHERE objectId LIKE 'LT%'").split()
    assert sorted(bytes.fromhex(name).decode() for name in names) == sorted(rows.object_id)


def test_a_folder_with_a_quote_is_refused(option_file: OptionFile, table: Sql, tmp_path: Path) -> None:
    folder = tmp_path / "parts'; DROP TABLE objects; --"
    write_part(folder, plain(4))
    with pytest.raises(InputError, match="move the parts to another folder"):
        load(folder, option_file())
    assert table("SELECT COUNT(*) FROM objects WHERE objectId LIKE 'LT%'") == "0"


def test_a_table_that_lacks_a_column_is_refused_before_anything_is_loaded(
    option_file: OptionFile, table: Sql, tmp_path: Path
) -> None:
    write_part(tmp_path / "parts", simulate(3))
    table("CREATE DATABASE farm_other; CREATE TABLE farm_other.objects LIKE ztf.objects")
    table("ALTER TABLE farm_other.objects DROP COLUMN gmag; GRANT ALL ON farm_other.* TO farm_loader@'%'")
    try:
        with pytest.raises(GaleraError, match="ADD COLUMN `gmag` float"):
            load(tmp_path / "parts", option_file(database="farm_other"))
    finally:
        table("DROP DATABASE farm_other; REVOKE ALL ON farm_other.* FROM farm_loader@'%'")


def test_a_refused_account_is_named_and_its_password_is_not(option_file: OptionFile, tmp_path: Path) -> None:
    write_part(tmp_path / "parts", simulate(3))
    done = program(tmp_path / "parts", "--option-file", option_file(password="wr0ngpass"))
    assert done.returncode == 15
    assert "refuses the account farm_loader" in done.stderr
    assert "wr0ngpass" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_node_that_is_down_is_passed_over(option_file: OptionFile, account: Account, tmp_path: Path) -> None:
    write_part(tmp_path / "parts", simulate(3))
    nobody = "198.18.77.1"
    said = load(tmp_path / "parts", option_file(hosts=",".join((nobody, *account.hosts))))
    assert said["load"]["node"] == account.hosts[0]
    assert sorted(said["verify"]["nodes"]) == list(account.hosts[1:])


def test_a_load_without_a_second_node_is_loaded_and_says_that_it_is_not_read_back(
    option_file: OptionFile, account: Account, table: Sql, tmp_path: Path
) -> None:
    write_part(tmp_path / "parts", simulate(3))
    with pytest.raises(GaleraError, match="no Galera node can be used besides 198"):
        load(tmp_path / "parts", option_file(hosts=account.hosts[0]))
    assert table("SELECT COUNT(*) FROM objects WHERE objectId LIKE 'LT%'") == "3"


def test_a_node_without_quorum_is_not_written_to(
    option_file: OptionFile, account: Account, table: Sql, tmp_path: Path
) -> None:
    write_part(tmp_path / "parts", simulate(3))
    table("SET GLOBAL wsrep_provider_options = 'gmcast.isolate=1'", "g1")
    try:
        _await_status(table, "wsrep_cluster_status", "non-Primary")
        said = load(tmp_path / "parts", option_file())
        assert (said["load"]["node"], said["verify"]["nodes"]) == (account.hosts[1], [account.hosts[2]])
        with pytest.raises(GaleraError, match=rf"{account.hosts[0]} is in no cluster with quorum"):
            load(tmp_path / "parts", option_file(hosts=account.hosts[0]))
    finally:
        table("SET GLOBAL wsrep_provider_options = 'gmcast.isolate=0'", "g1")
        _await_status(table, "wsrep_local_state_comment", "Synced")


def _await_status(table: Sql, name: str, value: str) -> None:
    for _ in range(300):
        if table(f"SHOW GLOBAL STATUS LIKE '{name}'", "g1").split()[-1] == value:
            return
        time.sleep(0.1)
    raise AssertionError(table("SHOW GLOBAL STATUS LIKE 'wsrep%'", "g1"))


def test_a_load_that_loses_its_connection_goes_on_and_counts_each_row_once(
    option_file: OptionFile, table: Sql, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_part(tmp_path / "parts", simulate(1000))
    chunk, done = merging._chunk, []

    def cut_at_the_fourth(*arguments: Any) -> Any:
        if len(done) == 3:
            table("KILL USER farm_loader", "g1")
        done.append(1)
        return chunk(*arguments)

    monkeypatch.setattr(pacing, "MOST", 100)
    monkeypatch.setattr(merging, "_chunk", cut_at_the_fourth)
    said = load(tmp_path / "parts", option_file())
    assert (counts(said), said["verify"]["equal"]) == ({"inserted": 1000}, 1000)
    assert len(done) > 4


def test_a_chunk_that_loses_against_another_writer_is_merged_again(
    option_file: OptionFile, table: Sql, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = simulate(50)
    write_part(tmp_path / "parts", rows)
    load(tmp_path / "parts", option_file())
    rows.values["decmean"] = rows.values["decmean"] + 1
    write_part(tmp_path / "parts", rows)
    prepare, done = Ledger.prepare, []

    def write_elsewhere_before_the_chunk_commits(*arguments: Any) -> Any:
        if not done:
            table("UPDATE objects SET jdmax = jdmax + 1, gmag = 7 WHERE objectId = 'LT0000033'", "g2")
        done.append(1)
        return prepare(*arguments)

    monkeypatch.setattr(Ledger, "prepare", write_elsewhere_before_the_chunk_commits)
    said = load(tmp_path / "parts", option_file())
    assert said["load"]["conflicts"] == 1
    assert said["load"]["guarded_objects"] == ["LT0000033"]
    assert said["load"]["updated"] == 49 - int(rows.missing["decmean"][np.arange(50) != 33].sum())
    assert table("SELECT gmag FROM objects WHERE objectId = 'LT0000033'", "g3") == "7"
    assert said["ok"]
