"""A keyspace of some tests' own on the lab's Cassandra, so that the light curves of all other tests stand untouched."""

import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from provisioning import answer, on

from farm.home import Home
from farm.lab import find
from farm.seed import driver, store
from features import DEFAULT, survey
from features.declare import Table
from features.schema import cql_ddl

DETECTIONS = survey(DEFAULT).detections
WORKER = "w1"
PROGRAM = "/opt/farm/current/bin/rebuild_objects"


@contextmanager
def admin(keyspace: str = driver.KEYSPACE) -> Iterator[store.Table]:
    account = store.Account(driver.ACCOUNT, Home("lab").secret("cassandra_admin").read_text().strip())
    with store.connect(find("c1").address, 9042, account, keyspace, DETECTIONS.name, DETECTIONS.key.name) as table:
        yield table


@contextmanager
def own_keyspace(granted: bool = True, tables: Sequence[Table] = (DETECTIONS,)) -> Iterator[str]:
    """The name of a keyspace with these tables, empty; farm_reader may read it where ``granted``."""
    name = f"test_{secrets.token_hex(4)}"
    with admin() as table:
        replication = "{'class': 'NetworkTopologyStrategy', 'datacenter1': 1}"
        table.execute(f"CREATE KEYSPACE {name} WITH replication = {replication}")
        for each in tables:
            table.execute(cql_ddl(each, name).strip().rstrip(";"))
        if granted:
            table.execute(f"GRANT SELECT ON KEYSPACE {name} TO farm_reader")
    try:
        yield name
    finally:
        with admin() as table:
            table.execute(f"DROP KEYSPACE {name}")
        answer("c1", f"rm -rf /var/lib/cassandra/data/{name}")


@contextmanager
def settings_for(keyspace: str) -> Iterator[str]:
    """A file on the worker that leads rebuild_objects to another keyspace."""
    settings = json.loads(answer(WORKER, "cat /etc/farm/cassandra.json")) | {"keyspace": keyspace}
    folder = answer(WORKER, "runuser -u farm -- mktemp -d")
    answer(
        WORKER, f"umask 077; cat > {folder}/cassandra.json; chown farm {folder}/cassandra.json", json.dumps(settings)
    )
    try:
        yield f"{folder}/cassandra.json"
    finally:
        on(WORKER, f"rm -rf {folder}")


@contextmanager
def settings_here(folder: Path, keyspace: str = driver.KEYSPACE) -> Iterator[Path]:
    """A file by which this machine reaches the lab's Cassandra, as the workers do."""
    file = folder / "cassandra.json"
    file.touch(mode=0o600)
    password = Home("lab").secret("cassandra_reader").read_text().strip()
    told = {"contact_points": [find("c1").address], "port": 9042, "local_dc": "datacenter1", "keyspace": keyspace}
    told |= {"consistency": "LOCAL_QUORUM", "username": "farm_reader", "password": password, "tls": None}
    file.write_text(json.dumps(told))
    yield file
