"""A lab with many things wrong at once, and what puts each of them right again."""

import configparser
import fcntl
import json
import os
import re
import secrets
import shlex
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from command import ROOT, farm
from heads import eventually, on
from keyspace import admin, own_keyspace
from provisioning import answer

from farm import lab
from farm.galera import Node, read_account
from farm.home import Home
from farm.lab import host as lab_host
from farm.load import lock
from features import survey
from features.schema import cql_ddl, ddl

DATABASE = "farm_doctor"


@dataclass
class Struck:
    """A head of a test's own, with an inventory of its own that names the lab's hosts."""

    inventory: Path
    home: Path
    undo: ExitStack

    def secret(self, name: str) -> Path:
        return self.home / "lab" / "secrets" / name

    def doctor(self) -> dict[str, Any]:
        """What farm doctor says, and the code that it ended with."""
        ended = farm("doctor", "--inventory", str(self.inventory), "--json", FARM_HOME=str(self.home), timeout=60)
        return {**json.loads(ended.stdout), "code": ended.code}

    def variable(self, line: str) -> None:
        """One more of the inventory."""
        file = self.inventory / "group_vars" / "all" / "farm.yml"
        file.write_text(f"{file.read_text()}{line}\n")

    def option_files(self, section: str, key: str, value: str) -> None:
        """The option files of all accounts say so."""
        for account in ("reader", "loader", "owner"):
            file = self.secret(f"galera_{account}.cnf")
            told = configparser.RawConfigParser()
            told.read(file)
            told[section][key] = value
            with file.open("w") as out:
                told.write(out)

    def host(self, name: str, strike: str, mend: str) -> None:
        self.undo.callback(on, name, mend)
        on(name, strike)

    def sql(self, node: str, strike: str, mend: str) -> None:
        self.undo.callback(sql, node, mend)
        sql(node, strike)


def sql(node: str, statements: str) -> str:
    return on(node, f"mariadb --batch --skip-column-names -e {shlex.quote(statements)}")


def found(said: dict[str, Any], check: str) -> dict[str, tuple[str, str]]:
    """Findings of a check, (worst severity, what) by where; each says what to do."""
    (row,) = (row for row in said["checks"] if row["check"] == check)
    wrong: dict[str, tuple[str, str]] = {}
    for each in row["findings"]:
        assert each["todo"]
        severity, what = wrong.get(each["where"], ("warning", ""))
        worst = "error" if "error" in (severity, each["severity"]) else "warning"
        wrong[each["where"]] = (worst, f"{what}; {each['what']}" if what else each["what"])
    return wrong


@contextmanager
def struck(folder: Path) -> Iterator[Struck]:
    """The head's state is a disk of its own, of 8 MiB and some hundred files."""
    inventory, home = folder / "lab", folder / "home"
    shutil.copytree(ROOT / "inventory" / "lab", inventory)
    home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,nr_inodes=300,mode=700", "tmpfs", home], check=True)
    with ExitStack() as undo:
        undo.callback(subprocess.run, ["umount", "--lazy", home], check=True)
        shared, own = Home("lab").root, home / "lab"
        (own / "secrets").mkdir(parents=True, mode=0o700)
        own.chmod(0o700)
        for name in ("id_ed25519", "known_hosts", *(f"secrets/{each.name}" for each in (shared / "secrets").iterdir())):
            shutil.copy2(shared / name, own / name)
        yield Struck(inventory, home, undo)


def held_run(head: Struck) -> str:
    """A run that somebody works at."""
    run = f"20260101T000000Z-rebuild-{secrets.token_hex(2)}"
    folder = head.home / "lab" / "runs" / run
    folder.mkdir(parents=True)
    file = head.undo.enter_context((folder / "lock").open("w"))
    fcntl.flock(file, fcntl.LOCK_EX)
    return run


def short_lived_authority(head: Struck) -> Path:
    """A certificate that ends tomorrow, named as Galera's authority."""
    file = head.inventory.parent / "ca.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run([*words, "-keyout", "/dev/null", "-out", file, "-days", "1", "-subj", "/CN=t"], check=True,
                   capture_output=True)  # fmt: skip
    head.variable(f"farm_galera_ca: {file}")
    return file


def own_table(head: Struck, changes: str) -> None:
    """A table objects with changes, in a database of its own, which the head's option files name."""
    head.sql(
        "g1",
        f"DROP DATABASE IF EXISTS {DATABASE}; CREATE DATABASE {DATABASE}; USE {DATABASE}; {ddl(survey('ztf'))}"
        f" {lock.DDL}; {changes} GRANT ALL ON {DATABASE}.* TO farm_reader@'%', farm_owner@'%', farm_loader@'%'",
        f"REVOKE ALL ON {DATABASE}.* FROM farm_reader@'%', farm_owner@'%', farm_loader@'%';"
        f" DROP DATABASE IF EXISTS {DATABASE}",
    )
    head.option_files("client", "database", DATABASE)


def other_cluster(head: Struck, host: str) -> None:
    """A Galera cluster of one node on a worker, which the head's inventory and option files name with the others.

    It shows a certificate of its own, knows farm_reader, and has the database without a table.
    """
    folder, address = "/var/tmp/doctor", lab.find(host).address
    certificate = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=doctor"
        f" -addext subjectAltName=IP:{address} -keyout {folder}/key -out {folder}/certificate 2>/dev/null"
    )
    tables = f"mariadb-install-db --no-defaults --user=mysql --datadir={folder}/data --skip-test-db > /dev/null"
    server = (
        "systemd-run --quiet --collect --unit=doctor --property=Type=notify /usr/sbin/mariadbd --no-defaults"
        f" --user=mysql --datadir={folder}/data --socket={folder}/socket --innodb-buffer-pool-size=16M"
        f" --ssl-cert={folder}/certificate --ssl-key={folder}/key --binlog-format=ROW --innodb-autoinc-lock-mode=2"
        " --wsrep-on=ON --wsrep-provider=/usr/lib/galera/libgalera_smm.so --wsrep-cluster-address=gcomm://"
    )
    head.host(
        host,
        f"mkdir {folder} && {certificate} && {tables} && chown -R mysql {folder} && {server}",
        f"systemctl stop doctor; systemctl reset-failed doctor; rm -rf {folder}",
    )
    reader = read_account(head.secret("galera_reader.cnf"))
    account = (
        f"CREATE DATABASE {DATABASE}; CREATE USER {reader.user}@'%' IDENTIFIED BY '{reader.password}';"
        f" GRANT SELECT ON {DATABASE}.* TO {reader.user}@'%'"
    )
    answer(host, f"mariadb --no-defaults --socket={folder}/socket --user=root", account)
    hosts = head.inventory / "hosts.yml"
    hosts.write_text(
        hosts.read_text().replace("{g1: {}, g2: {}, g3: {}}", f"{{g1: {{}}, g2: {{}}, g3: {{}}, {host}: {{}}}}")
    )
    head.option_files("farm", "hosts", ",".join((*reader.hosts, address)))


def lacking(column: str) -> Callable[[str], list[str]]:
    """CQL that takes a column from the detections of a keyspace."""
    return lambda keyspace: [f"ALTER TABLE {keyspace}.candidates DROP {column}"]


def of_text(column: str) -> Callable[[str], list[str]]:
    """CQL that makes a column of the detections of a keyspace one of text."""

    def anew(keyspace: str) -> list[str]:
        made = re.sub(rf"\b{column} \w+", f"{column} text", cql_ddl(survey("ztf").detections, keyspace))
        return [f"DROP TABLE {keyspace}.candidates", made.strip().rstrip(";")]

    return anew


def other_cassandra_table(head: Struck, worker: str, changes: Callable[[str], list[str]]) -> None:
    """The worker reads a table of detections of another make."""
    name = head.undo.enter_context(own_keyspace())
    with admin() as table:
        for change in changes(name):
            table.execute(change)
    file = "/etc/farm/cassandra.json"
    change = f"""sed -i.doctor 's/"keyspace": *"[^"]*"/"keyspace": "{name}"/' {file}"""
    head.host(
        worker, f"cp -p {file} /run/cassandra.json; {change}; rm {file}.doctor", f"cp -p /run/cassandra.json {file}"
    )


def phantoms(head: Struck, silent: str, elsewhere: str) -> None:
    """Nodes that Cassandra believes to have, of another version and schema, the second in a data center of its own.

    Without tokens: Cassandra takes none of them for an owner of rows, not even at its next start.
    """
    with admin() as table:
        for address, dc in ((silent, "datacenter1"), (elsewhere, "elsewhere")):
            head.undo.callback(_forget, address)
            node, schema = uuid.uuid4(), uuid.uuid4()
            known = f"'{address}', {node}, '{dc}', 'rack1', '4.0.1', {schema}, '{address}'"
            table.execute(
                "INSERT INTO system.peers (peer, host_id, data_center, rack, release_version, schema_version,"
                f" rpc_address) VALUES ({known})"
            )
            table.execute(
                "INSERT INTO system.peers_v2 (peer, host_id, data_center, rack, release_version, schema_version,"
                f" native_address, peer_port, native_port) VALUES ({known}, 7000, 9042)"
            )


def _forget(address: str) -> None:
    with admin() as table:
        table.execute(f"DELETE FROM system.peers WHERE peer = '{address}'")
        table.execute(f"DELETE FROM system.peers_v2 WHERE peer = '{address}'")


def shared_folder(head: Struck, worker: str, other: str) -> Path:
    """A folder that head and one worker share; another one of its name on a second worker, where farm cannot write.

    The lab shares none: the head sees the worker's own through the worker's root.
    """
    shared = Path(f"/var/tmp/doctor-shared-{os.getpid()}")
    head.host(worker, f"install -d -o farm -g farm {shared}", f"rm -rf {shared}")
    head.host(other, f"install -d -m 755 {shared}", f"rm -rf {shared}")
    shared.symlink_to(f"/proc/{lab_host.init(lab.find(worker))}/root{shared}")
    head.undo.callback(shared.unlink)
    head.variable(f"farm_shared_dir: {shared}")
    return shared


def slow_door(head: Struck, worker: str, seconds: float) -> None:
    """PAM takes its time with everybody who logs in."""
    file = "/etc/pam.d/sshd"
    line = f"account optional pam_exec.so /bin/sleep {seconds}"
    head.host(worker, f"cp -p {file} /run/doctor.pam; echo '{line}' >> {file}", f"cp -p /run/doctor.pam {file}")


def crowd(head: Struck, address: str, number: int) -> None:
    """So many connections to a node."""
    account = read_account(head.secret("galera_reader.cnf"))
    for _ in range(number):
        head.undo.enter_context(Node(account, address, any_state=True))


def synced(node: str) -> None:
    eventually(lambda: _state(node) == "Synced", f"{node} is synced")


def _state(node: str) -> str:
    with suppress(subprocess.CalledProcessError):
        return sql(node, "SHOW STATUS LIKE 'wsrep_local_state_comment'").split()[-1]
    return "gone"


def cut(head: Struck, *hosts: str) -> None:
    for each in hosts:
        head.undo.callback(lab.heal, each)
        lab.cut(each)
