"""farm schema on the lab's Galera, in a database of its own, by an account with the privileges of farm_owner."""

import dataclasses
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command import farm
from conftest import sql
from own_database import PASSWORD, own_database, write_option_file
from simulated_parts import ZTF

from farm.errors import Exit, GaleraError, SchemaError
from farm.galera import Account, ConflictError, Node, read_account
from farm.home import Home
from farm.provision.galera import ACCOUNTS
from farm.schema import found, migrate
from farm.schema.migrate import How, prepare
from farm.schema.plan import plan
from features.schema import ddl

pytestmark = pytest.mark.lab
DATABASE = "farm_schema"
NODES = ("g1", "g2", "g3")
Change = Callable[[str], str]


@pytest.fixture(scope="module")
def owner(provisioned: None) -> Iterator[Account]:
    """The owner of a database that has no table yet."""
    with own_database(DATABASE, ", ".join(ACCOUNTS["farm_owner"])) as account:
        yield account


@pytest.fixture
def change(owner: Account) -> Change:
    """Runs SQL as the administrator on a declared table of 500 rows in that database."""
    rows = "INSERT INTO objects (objectId, jdmax, gmag, ncand) SELECT CONCAT('LS', seq), seq, 18.5, 3 FROM seq_1_to_500"
    sql(f"USE {DATABASE}; DROP TABLE IF EXISTS farm_load, objects; {ddl(ZTF)} {rows}")
    return lambda statements: sql(f"USE {DATABASE}; {statements}")


def go(owner: Account, **how: object) -> tuple[str, ...]:
    """Plan and migrate; the statements that were run."""
    chosen = How(**how)  # type: ignore[arg-type]
    todo = prepare(ZTF, owner, chosen)
    migrate.migrate(ZTF, owner, chosen, todo)
    return todo.statements


def same_at(owner: Account) -> list[bool]:
    return [plan(ZTF, table).same for table in found.cluster(owner).tables.values()]


def test_what_needs_no_rows_is_done_at_once_at_every_node_and_only_once(owner: Account, change: Change) -> None:
    change(
        "ALTER TABLE objects DROP COLUMN gmag, DROP COLUMN jdmin, DROP KEY idx_jdmin, ADD KEY ours (rmag),"
        " ADD COLUMN mine text, MODIFY COLUMN ssnamenr varchar(8) DEFAULT NULL"
    )
    with pytest.raises(SchemaError, match=r"stop every node(?s:.*)add index idx_jdmin \(jdmin\): inplace"):
        go(owner)
    assert same_at(owner) == [False, False, False]
    made = go(owner, rolling=True)
    assert [each.split(" (")[0] for each in made] == [
        "CREATE TABLE IF NOT EXISTS `farm_load`",
        "ALTER TABLE `objects` DROP KEY `ours`, ALGORITHM=NOCOPY",
        "ALTER TABLE `objects` ADD COLUMN `gmag` float DEFAULT NULL AFTER `jdgmax`, ALGORITHM=INSTANT",
        "ALTER TABLE `objects` ADD COLUMN `jdmin` double DEFAULT NULL AFTER `jdmax`, ALGORITHM=INSTANT",
        "ALTER TABLE `objects` MODIFY COLUMN `ssnamenr` varchar(16) DEFAULT NULL, ALGORITHM=INSTANT",
        "SET SESSION wsrep_OSU_method = 'RSU'",
        "ALTER TABLE `objects` ADD KEY `idx_jdmin`",
    ]
    assert made[-1].endswith(", LOCK=SHARED")
    there = found.cluster(owner)
    assert there.load_table
    assert [plan(ZTF, table).undeclared for table in there.tables.values()] == [("mine",)] * 3
    assert go(owner) == ()
    assert len(go(owner, drop=("mine",))) == 1
    assert same_at(owner) == [True, True, True]
    assert [sql(f"SELECT COUNT(*), SUM(jdmax) FROM {DATABASE}.objects", node) for node in NODES] == ["500\t125250"] * 3


def test_a_copy_is_made_only_where_a_stall_is_allowed_and_never_node_by_node(owner: Account, change: Change) -> None:
    change("ALTER TABLE objects MODIFY COLUMN gmag double DEFAULT NULL")
    for how in ({}, {"rolling": True}):
        with pytest.raises(SchemaError, match=r"nothing was changed(?s:.*)gmag float \(was double\): copy"):
            go(owner, **how)
    go(owner, allow_stall=True)
    assert same_at(owner) == [True, True, True]
    assert change("SELECT COUNT(*) FROM objects WHERE gmag = 18.5") == "500"


def test_a_rolling_change_that_was_broken_off_is_finished_where_it_is_missing(owner: Account, change: Change) -> None:
    change("ALTER TABLE objects DROP KEY idx_jdmax")
    with Node(owner, owner.hosts[1]) as node:
        node.execute("SET SESSION wsrep_OSU_method = 'RSU'")
        node.execute("ALTER TABLE objects ADD KEY idx_jdmax (jdmax)")
    assert same_at(owner) == [False, True, False]
    for how in ({}, {"allow_stall": True}):
        with pytest.raises(SchemaError, match="some nodes have these already"):
            go(owner, **how)
    go(owner, rolling=True)
    assert same_at(owner) == [True, True, True]
    states = [sql("SHOW GLOBAL STATUS LIKE 'wsrep_local_state_comment'", node).split()[-1] for node in NODES]
    assert states == ["Synced"] * 3


def test_a_change_does_not_queue_behind_a_long_transaction(
    owner: Account, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "_TRIES", 1)
    change("ALTER TABLE objects DROP KEY idx_jdmax")
    reader = dataclasses.replace(owner, user="farm_schema_reader")
    change(
        f"CREATE USER {reader.user}@'%' IDENTIFIED BY '{PASSWORD}'; GRANT SELECT ON {DATABASE}.* TO {reader.user}@'%'"
    )
    try:
        with Node(reader, owner.hosts[0]) as node:
            node.execute("START TRANSACTION")
            node.rows("SELECT COUNT(*) FROM objects")
            with pytest.raises(SchemaError, match=rf"other transactions at {owner.hosts[0]} hold table objects"):
                go(owner, rolling=True)
            assert node.rows("SELECT COUNT(*) FROM objects") == [(500,)]
        go(owner, rolling=True)
        assert same_at(owner) == [True, True, True]
    finally:
        change(f"DROP USER {reader.user}@'%'")


def test_a_rolling_change_gets_through_beside_a_writer_of_the_table_at_every_node(
    owner: Account, change: Change
) -> None:
    change(f"ALTER TABLE objects DROP KEY idx_jdmax; GRANT SELECT, UPDATE ON {DATABASE}.* TO {owner.user}@'%'")
    for node in ("g1", "g2", "g3"):
        sql("SET SESSION wsrep_sync_wait = 1; SELECT 1", node)  # the grant is applied there
    done, written = threading.Event(), [0, 0, 0]

    def write(at: int) -> None:
        with Node(owner, owner.hosts[at]) as node:
            while not done.is_set():
                try:
                    node.execute("UPDATE objects SET gmag = gmag + 1 WHERE objectId = %s", [f"LS{at + 1}"])
                    node.commit()
                    written[at] += 1
                except ConflictError:
                    node.rollback()
                done.wait(0.005)

    writers = [threading.Thread(target=write, args=(at,)) for at in range(3)]
    for writer in writers:
        writer.start()
    try:
        go(owner, rolling=True)
    finally:
        done.set()
        for writer in writers:
            writer.join()
    assert same_at(owner) == [True, True, True]
    values = change(
        "SET wsrep_sync_wait = 1;"
        " SELECT gmag - 18.5 FROM objects WHERE objectId IN ('LS1', 'LS2', 'LS3') ORDER BY objectId"
    ).split()
    assert [int(float(value)) for value in values] == written


def test_what_the_server_does_not_do_instantly_is_not_done_dearer_unasked(owner: Account, change: Change) -> None:
    change("ALTER TABLE objects DROP COLUMN gmag, ROW_FORMAT=COMPRESSED")
    with pytest.raises(SchemaError, match=r"add column gmag: .*refuses the algorithm.*--allow-stall"):
        go(owner)
    go(owner, allow_stall=True)
    assert same_at(owner) == [True, True, True]


def test_a_node_that_is_down_is_named_and_nothing_is_changed(owner: Account, change: Change) -> None:
    change("ALTER TABLE objects DROP COLUMN gmag")
    with pytest.raises(GaleraError, match=r"only while every node is there: 198\.18\.77\.1 does not answer"):
        prepare(ZTF, dataclasses.replace(owner, hosts=(*owner.hosts, "198.18.77.1")), How())


def test_the_verbs_say_what_differs_print_the_sql_and_run_it(owner: Account, change: Change, tmp_path: Path) -> None:
    option_file = write_option_file(owner, tmp_path / "owner.cnf")
    change("ALTER TABLE objects DROP COLUMN gmag, DROP KEY idx_jdmax; ALTER TABLE objects ADD COLUMN mine text")
    arguments = ("schema", "migrate", "--inventory", "lab", "--option-file", str(option_file))
    dry = farm(*arguments, "--dry-run")
    assert dry.code == 0, dry.stderr
    assert "-- these changes would stop every node" in dry.stdout
    assert "ALTER TABLE `objects` ADD COLUMN `gmag` float DEFAULT NULL AFTER `jdgmax`, ALGORITHM=INSTANT;" in dry.stdout
    refused = farm(*arguments)
    assert refused.code == Exit.SCHEMA
    assert "--rolling" in refused.stderr
    assert change("SHOW COLUMNS FROM objects LIKE 'gmag'") == ""
    done = farm(*arguments, "--allow-stall", "--drop-column", "mine", "--json").json()
    assert (done["schema"], done["made"], done["refused"]) == (1, True, None)
    assert len(done["statements"]) == 4
    again = farm(*arguments)
    assert (again.code, again.stdout) == (0, "-- table objects is as declared\n")
    change("ALTER TABLE objects DROP KEY idx_jdmax")
    rolled = farm(*arguments, "--rolling")
    assert rolled.code == 0, rolled.stderr
    assert same_at(owner) == [True, True, True]


def test_the_labs_own_table_is_as_declared_at_every_node(provisioned: None) -> None:
    said = farm("schema", "diff", "--inventory", "lab", "--json")
    told = said.json()
    assert told["same"] == (said.code == 0)
    assert list(told["nodes"]) == list(read_account(Home("lab").secret("galera_reader.cnf")).hosts)
    assert all(each == {"changes": [], "undeclared": []} for each in told["nodes"].values())
