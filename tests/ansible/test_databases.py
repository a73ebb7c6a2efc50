"""The databases that provisioning makes: their accounts, and their order of starting."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import mysql.connector
import pytest
from cassandra import Unauthorized
from provisioning import ProvisionResult, answer, playbook, secrets

from farm import lab
from farm.home import Home
from farm.provision.cassandra import ADMIN, Node
from features import survey
from features.schema import header

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

GALERA = ("g1", "g2", "g3")
ROW = "INSERT INTO ztf.objects (objectId) VALUES"


@pytest.fixture
def cassandra(provisioned: None) -> Node:
    return Node(lab.find("c1").address, 9042)


@contextmanager
def galera(account: str, node: str = "g1") -> Iterator[mysql.connector.abstracts.MySQLCursorAbstract]:
    connection = mysql.connector.connect(
        host=lab.find(node).address, option_files=str(Home("lab").secret(f"galera_{account}.cnf")), autocommit=True
    )
    try:
        yield connection.cursor()
    finally:
        connection.close()


def test_cassandra_holds_production_s_tables(cassandra: Node) -> None:
    with cassandra.session("farm_reader", secrets()["cassandra_reader"]) as session:
        rows = session.execute(
            "SELECT column_name FROM system_schema.columns WHERE keyspace_name = 'lasair' AND table_name = 'candidates'"
        )
        assert {row.column_name for row in rows} == {column.name for column in survey("ztf").detections.columns}


def test_the_reader_of_cassandra_reads_and_does_nothing_else(cassandra: Node) -> None:
    with cassandra.session("farm_reader", secrets()["cassandra_reader"]) as session:
        session.execute("SELECT objectid FROM lasair.candidates LIMIT 1")
        for statement in (
            "INSERT INTO lasair.candidates (objectid, jd, candid) VALUES ('x', 1, 1)",
            "DELETE FROM lasair.candidates WHERE objectid = 'x'",
            "TRUNCATE lasair.candidates",
            "DROP TABLE lasair.candidates",
            "CREATE ROLE x",
            "SELECT * FROM system_auth.roles",
        ):
            with pytest.raises(Unauthorized):
                session.execute(statement)


def test_cassandra_s_first_superuser_cannot_log_in_any_more(cassandra: Node) -> None:
    assert not cassandra.accepts("cassandra", "cassandra")
    assert cassandra.accepts(ADMIN, secrets()["cassandra_admin"])


def test_galera_has_production_s_table_on_every_node(provisioned: None) -> None:
    for node in GALERA:
        names = answer(node, "mariadb -NBe 'SHOW COLUMNS FROM ztf.objects' | cut -f1").splitlines()
        assert tuple(names) == header(survey("ztf"))


@pytest.mark.parametrize("node", GALERA)
def test_the_accounts_of_galera_have_their_grants_and_no_others(provisioned: None, node: str) -> None:
    wanted = {
        "farm_reader": "SELECT",
        "farm_loader": "SELECT, INSERT, UPDATE, CREATE TEMPORARY TABLES",
        "farm_owner": "CREATE, INDEX, ALTER",
    }
    for account, privileges in wanted.items():
        grants = answer(node, f"mariadb -NBe 'SHOW GRANTS FOR {account}'").splitlines()
        assert re.match(rf"GRANT USAGE ON \*\.\* TO `{account}`@`%` IDENTIFIED BY", grants[0])
        assert grants[1:] == [f"GRANT {privileges} ON `ztf`.* TO `{account}`@`%`"]


@pytest.mark.parametrize("node", GALERA)
def test_galera_has_no_anonymous_user(provisioned: None, node: str) -> None:
    users = answer(node, """mariadb -NBe "SELECT CONCAT(User, '@', Host) FROM mysql.global_priv" """).splitlines()
    assert {"farm_reader@%", "farm_loader@%", "farm_owner@%"} < set(users)
    assert [user for user in users if user.startswith("@")] == []


@pytest.mark.parametrize(
    ("account", "statement"),
    [
        ("reader", f"{ROW} ('ZTF00none')"),
        ("reader", "CREATE TEMPORARY TABLE ztf.t (a INT)"),
        ("loader", "DELETE FROM ztf.objects WHERE objectId = 'ZTF00none'"),
        ("loader", "DROP TABLE ztf.objects"),
        ("loader", "SET GLOBAL wsrep_desync = ON"),
        ("owner", "SELECT objectId FROM ztf.objects LIMIT 1"),
        ("owner", "DROP TABLE ztf.objects"),
    ],
)
def test_an_account_is_refused_what_it_is_not_for(provisioned: None, account: str, statement: str) -> None:
    with galera(account) as cursor, pytest.raises(mysql.connector.Error, match="denied"):
        cursor.execute(statement)


def cluster() -> dict[str, str]:
    """What each node says of its cluster."""
    query = "SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_cluster_status','wsrep_cluster_size')"
    return {node: answer(node, f'mariadb -NBe "{query}"') for node in GALERA}


WHOLE = dict.fromkeys(GALERA, "wsrep_cluster_size\t3\nwsrep_cluster_status\tPrimary")


def rows(node: str, name: str) -> str:
    return answer(node, f"""mariadb -NBe "SELECT COUNT(*) FROM ztf.objects WHERE objectId = '{name}'" """)


def provision_galera(*arguments: str) -> ProvisionResult:
    return playbook("provision.yml", "--limit", "managed_galera,localhost", *arguments)


@pytest.fixture
def row(provisioned: None) -> Iterator[str]:
    """The name of an object that a test may write; it is gone afterwards."""
    yield "ZTF00provision"
    answer("g1", "mariadb -e \"DELETE FROM ztf.objects WHERE objectId = 'ZTF00provision'\"")


@pytest.mark.faults
def test_a_node_that_stopped_joins_the_living_cluster_even_if_it_is_the_first(row: str) -> None:
    answer("g1", "systemctl stop mariadb")
    answer("g2", f"mariadb -e \"{ROW} ('{row}')\"")
    done = provision_galera()
    assert done.returncode == 0, done.output
    assert (done.changed["g1"], done.changed["g2"], done.changed["g3"]) == (1, 0, 0)
    assert cluster() == WHOLE
    assert rows("g1", row) == "1"


@pytest.mark.faults
def test_after_a_full_stop_the_node_with_the_latest_data_begins(row: str) -> None:
    answer("g1", "systemctl stop mariadb")
    answer("g3", "systemctl stop mariadb")
    answer("g2", f"mariadb -e \"{ROW} ('{row}')\"")
    answer("g2", "systemctl kill --signal KILL mariadb; systemctl stop mariadb; systemctl reset-failed mariadb")
    done = provision_galera()
    assert done.returncode == 0, done.output
    assert cluster() == WHOLE
    assert {rows(node, row) for node in GALERA} == {"1"}


@pytest.mark.faults
def test_a_stopped_cluster_is_not_started_while_a_node_cannot_be_asked(row: str) -> None:
    for node in GALERA:
        answer(node, "systemctl stop mariadb")
    done = playbook("provision.yml", "--limit", "g1,g2,localhost")
    assert done.returncode == 2
    assert "No node runs, and g3 cannot be asked" in " ".join(done.stdout.split())
    assert provision_galera().returncode == 0
    assert cluster() == WHOLE
