"""farm doctor on the lab: well, and with everything wrong that it looks for, many things at once."""

from pathlib import Path

import pytest
import struck
import struck_releases
from command import farm
from heads import eventually, on
from provoked import require_provoked
from struck import found

from farm import lab
from farm.errors import Exit

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]


def test_a_lab_that_is_well_has_no_findings(provisioned: None) -> None:
    struck.sql("g1", "UPDATE ztf.farm_load SET holder = NULL")
    said = farm("doctor", "--inventory", "lab")
    assert said.code == Exit.OK, said.stdout
    assert {line.split()[0] for line in said.stdout.splitlines() if line.startswith("  ")} == {"ok"}
    assert "0 errors, 0 warnings" in said.stdout


def test_hosts_in_trouble_are_found_each_with_what_to_do(
    provisioned: None, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with struck.struck(tmp_path) as head:
        authority = tmp_path / "ca.pem"
        authority.write_text("no certificate")
        head.variable(f"farm_galera_ca: {authority}")
        variables = head.inventory / "host_vars"
        variables.mkdir()
        (variables / "w3.yml").write_text("farm_slots: 500\n")
        head.host("w1", "printf 'echo welcome\nsleep 1.5\n' > /etc/ssh/sshrc", "rm /etc/ssh/sshrc")
        head.host("w1", "chmod 644 /etc/farm/cassandra.json", "chmod 640 /etc/farm/cassandra.json")
        head.host(
            "w1",
            "runuser -u farm -- mkdir -m 700 -p /var/lib/farm/slots;"
            " systemd-run --collect --unit=taken --uid=farm flock /var/lib/farm/slots/1 sleep 600",
            "systemctl stop taken; systemctl reset-failed taken; true",
        )
        limit = "/etc/ssh/sshd_config.d/doctor.conf"
        head.host(
            "w2",
            f"echo MaxSessions 1 > {limit}; systemctl reload ssh; sleep 1",
            f"rm {limit}; systemctl reload ssh; sleep 1",
        )
        head.host("w2", "ip route add blackhole 198.18.77.21", "ip route del blackhole 198.18.77.21")
        head.undo.callback(lab.unfill, "w2")
        lab.fill("w2")
        head.host("w3", struck_releases.other_release(), struck_releases.OWN_RELEASE)
        head.host("w3", "printf '#!/bin/sh\nexec /usr/bin/date -d +1hour \"$@\"\n' > /usr/local/bin/date;"
                        " chmod +x /usr/local/bin/date", "rm /usr/local/bin/date")  # fmt: skip
        head.host("w3", "mount -t tmpfs -o nr_inodes=100,uid=farm tmpfs /var/lib/farm", "umount -l /var/lib/farm")
        head.undo.callback(lab.pin, "w4")
        lab.rekey("w4")
        struck.slow_door(head, "w1", 2.5)
        struck.phantoms(head, "198.18.77.98", "198.18.77.99")
        shared = struck.shared_folder(head, "w1", "w3")
        said = head.doctor()
    require_provoked(request.node.name, said)
    assert said["code"] == Exit.UNWELL
    assert said["seconds"] < 60
    assert "it is no certificate" in found(said, "certificate")[str(authority)][1]
    assert found(said, "host keys")["w4"][1].count("SHA256:") == 2
    assert {where: grade for where, (grade, _) in found(said, "login shell").items()} == {"w1": "error"}
    assert "an empty command takes" in found(said, "login shell")["w1"][1]
    assert "welcome" in found(said, "login shell")["w1"][1]
    assert list(found(said, "clock")) == ["w3"]
    assert "ahead of" in found(said, "clock")["w3"][1]
    assert "0123456789ab is current there" in found(said, "release")["w3"][1]
    assert "computes other columns" in found(said, "release")["w3"][1]
    disk = found(said, "disk")
    assert "w2" in disk
    assert "inodes left" in disk["w3"][1]
    assert "500 slots may take" in found(said, "memory")["w3"][1]
    assert found(said, "sessions")["w2"] == (
        "error", "its sshd runs 1 commands at a time on a connection, where a run wants 3")  # fmt: skip
    assert found(said, "sessions")["w3"][0] == "warning"
    assert "mode 644" in found(said, "settings")["w1"][1]
    assert "1 of 2 slots" in found(said, "slots")["w1"][1]
    assert list(found(said, "route")) == ["w2"]
    assert "4.0.1, 5.0" in found(said, "version")["cassandra"][1]
    ring = found(said, "ring")
    assert list(ring) == ["198.18.77.98", "cassandra"], "of the other data center nothing is wanted but its schema"
    assert ring["198.18.77.98"][1].startswith("it is down, or out of reach of all 1 hosts")
    assert "198.18.77.21" in ring["cassandra"][1]
    assert "198.18.77.99" in ring["cassandra"][1]
    assert "to let user farm in" in found(said, "login")["w1"][1]
    assert list(found(said, "release room")) == ["w2"]
    folders = found(said, "shared folder")
    assert list(folders) == ["w2", "w3"]
    assert f"{shared} is not there" in folders["w2"][1]
    assert f"{shared} is another folder there" in folders["w3"][1]
    assert f"cannot write {shared}" in folders["w3"][1]


def test_databases_and_a_head_in_trouble_are_found(
    provisioned: None, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with struck.struck(tmp_path) as head:
        struck.own_table(
            head,
            "ALTER TABLE objects ADD extra int, DROP COLUMN ncand, DROP COLUMN gmag;"
            " INSERT INTO farm_load VALUES ('objects', '', 'x', 'run7', 'eve', 'far', now(), utc_timestamp(6), 0);",
        )
        struck.crowd(head, "198.18.77.31", 46)
        most = int(struck.sql("g1", "SELECT @@max_connections"))
        head.sql("g1", "SET GLOBAL max_connections = 50", f"SET GLOBAL max_connections = {most}")
        head.undo.callback(struck.synced, "g3")
        conf = "/etc/mysql/mariadb.conf.d/zz-doctor.cnf"
        head.host("g3", f"printf '[mysqld]\nversion=5.5.5-10.6.1-MariaDB\n' > {conf}; systemctl restart mariadb",
                  f"rm {conf}; systemctl restart mariadb")  # fmt: skip
        struck.synced("g3")
        head.sql("g3", "SET GLOBAL wsrep_provider_options = 'gmcast.isolate=1'",
                 "SET GLOBAL wsrep_provider_options = 'gmcast.isolate=0'")  # fmt: skip
        eventually(lambda: "3" not in struck.sql("g1", "SHOW STATUS LIKE 'wsrep_cluster_size'"), "g3 is away")
        head.undo.callback(struck.synced, "g2")
        head.sql("g2", "SET GLOBAL wsrep_desync = ON, GLOBAL local_infile = OFF, GLOBAL read_only = ON",
                 "SET GLOBAL wsrep_desync = OFF, GLOBAL local_infile = ON, GLOBAL read_only = OFF")  # fmt: skip
        run = struck.held_run(head)
        authority = struck.short_lived_authority(head)
        own = head.home / "lab"
        (own / "id_ed25519.next").touch(mode=0o600)
        (own / "upgrade.json").write_text('{"state": "begun"}')
        head.secret("galera_reader").chmod(0o644)
        head.secret("galera_owner.cnf").unlink()
        loader = head.secret("galera_loader.cnf")
        loader.write_text(loader.read_text().replace("password = ", "password = x").replace("upsert", "update"))
        head.undo.callback(on, "w1", "mv /home/farm/.ssh/away /home/farm/.ssh/authorized_keys")
        on("w1", "mv /home/farm/.ssh/authorized_keys /home/farm/.ssh/away")
        head.host("w2", "mv /etc/farm/cassandra.json /etc/farm/away", "mv /etc/farm/away /etc/farm/cassandra.json")
        struck.cut(head, "w3")
        said = head.doctor()
        left = (
            "UPDATE farm_doctor.farm_load SET heartbeat = '2026-01-01'; ALTER TABLE farm_doctor.objects ADD ncand int"
        )
        struck.sql("g1", left)
        struck.sql("g3", "SET GLOBAL wsrep_provider_options = 'gmcast.isolate=0'")
        struck.synced("g3")
        struck.cut(head, "g2")
        later = head.doctor()
    require_provoked(request.node.name, said, later)
    assert said["code"] == later["code"] == Exit.UNWELL
    assert "refuses user farm" in found(said, "login")["w1"][1]
    assert "w3 (198.18.77.13:22)" in found(said, "login")["w3"][1]
    assert found(said, "settings")["w2"] == ("error", "/etc/farm/cassandra.json is not there")
    assert "cannot be read" in found(said, "route")["w2"][1]
    assert str(head.secret("galera_reader")) in found(said, "secrets")
    stale = found(said, "option files")
    assert "mode, ssl-ca differ" in stale[str(head.secret("galera_loader.cnf"))][1]
    assert "cannot be read" in stale[str(head.secret("galera_owner.cnf"))][1]
    assert "inodes left" in found(said, "room")[str(own)][1]
    assert "a run of all objects takes" in found(said, "room")[str(own)][1]
    assert "it ends on" in found(said, "certificate")[str(authority)][1]
    assert len(found(said, "unfinished")) == 2
    assert list(found(said, "other runs")) == [run]
    cluster = found(said, "cluster")
    assert "Donor" in cluster["198.18.77.32"][1]
    assert "no cluster with quorum" in cluster["198.18.77.33"][1]
    assert "counts 2 nodes" in cluster["198.18.77.31"][1]
    assert "10.6.1" in found(later, "versions")["galera"][1]
    assert "farm_loader" in found(said, "accounts")[str(loader)][1]
    assert set(found(said, "loads")) == {"198.18.77.31", "198.18.77.32"}
    assert "add column gmag" in found(said, "schema")["198.18.77.31"][1]
    assert "eve on far" in found(said, "lock")["objects"][1]
    assert "a loader died" in found(later, "lock")["objects"][1]
    assert list(found(later, "nodes")) == ["198.18.77.32"]
    eventually(lambda: struck.sql("g1", "SHOW STATUS LIKE 'wsrep_cluster_size'").split()[-1] == "3", "g3 is back")


def test_a_loader_of_its_own_is_visited_and_tables_of_another_make_are_found(
    provisioned: None, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with struck.struck(tmp_path) as head:
        hosts = head.inventory / "hosts.yml"
        hosts.write_text(
            hosts.read_text().replace("loader:\n      hosts: {localhost: {}}", "loader:\n      hosts: {w4: {}}")
        )
        struck.own_table(
            head,
            "DROP TABLE farm_load; ALTER TABLE objects ADD extra int; INSERT INTO objects (objectId)"
            " SELECT CONCAT('ZTF', seq) FROM seq_1_to_200000; ANALYZE TABLE objects;",
        )
        head.host("w4", "mount -t tmpfs -o size=150m,uid=farm tmpfs /var/lib/farm", "umount -l /var/lib/farm")
        head.host("w2", "readlink /opt/farm/current > /run/current; ln -sfn /nowhere /opt/farm/current",
                  'ln -sfn "$(cat /run/current)" /opt/farm/current')  # fmt: skip
        struck.other_cassandra_table(head, "w3", struck.lacking("magpsf"))
        struck.other_cassandra_table(head, "w4", struck.of_text("magpsf"))
        settings = "/etc/farm/cassandra.json"
        head.host("w1", f"chown root:root {settings}", f"chown root:farm {settings}")
        head.host("w1", "mount -t tmpfs -o mode=755 tmpfs /var/lib/farm", "umount -l /var/lib/farm")
        head.variable("farm_galera_ca: /nowhere/ca.pem")
        (head.home / "lab").chmod(0o755)
        said = head.doctor()
        struck_releases.loaders_release(head, "w4")
        head.host("w4", "ip route add blackhole 198.18.77.33", "ip route del blackhole 198.18.77.33")
        later = head.doctor()
    require_provoked(request.node.name, said, later)
    assert "Undefined column name magpsf" in found(said, "route")["w3"][1]
    assert "magpsf is varchar and " in found(said, "route")["w4"][1]
    assert found(said, "loader")["w4"][0] == "error"
    grade, what = found(later, "loader")["w4"]
    assert grade == "warning"
    assert what.startswith("1 of 3 nodes cannot be used from there: ")
    assert "198.18.77.33" in what
    assert found(said, "settings") == {
        "w1": ("error", f"user farm cannot read {settings}"),
        "w4": ("error", "/etc/farm/loader.cnf is not there"),
    }
    assert "cannot write /var/lib/farm" in found(said, "disk")["w1"][1]
    assert "a run or its load needs" in found(said, "disk")["w4"][1]
    assert "farm_galera_ca is not there" in found(said, "certificate")["/nowhere/ca.pem"][1]
    assert found(said, "secrets")[str(head.home / "lab")] == ("warning", "others can look into it")
    assert found(said, "release") == {"w2": ("error", "it has no complete current release")}
    schema = found(said, "schema")["198.18.77.31"][1]
    assert "columns that are not declared: extra" in schema
    assert "table farm_load, the loaders' lock, is not there" in schema


def test_nodes_of_two_clusters_and_an_authority_that_signed_none_are_found(
    provisioned: None, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with struck.struck(tmp_path) as head:
        struck.own_table(head, "ALTER TABLE objects DROP PRIMARY KEY, ADD PRIMARY KEY (objectId, ncand);")
        struck.other_cluster(head, "w1")
        head.variable("farm_shared_dir: /nowhere/shared")
        said = head.doctor()
        authority = struck.short_lived_authority(head)
        head.option_files("client", "ssl-ca", str(authority))
        (head.home / "lab" / "id_ed25519").unlink()
        later = head.doctor()
    require_provoked(request.node.name, said, later)
    assert said["code"] == later["code"] == Exit.UNWELL
    assert found(said, "nodes") == {}
    assert found(said, "cluster")["galera"] == ("error", "the nodes are of 2 clusters")
    assert "it counts 1 nodes, and the option file names 4" in found(said, "cluster")["198.18.77.11"][1]
    schema = found(said, "schema")
    assert "primary key is objectId, ncand" in schema["198.18.77.31"][1]
    assert "has no table objects in database farm_doctor" in schema["198.18.77.11"][1]
    assert list(found(said, "room")) == ["/nowhere/shared"]
    shut = found(later, "nodes")
    assert len(shut) == 4
    assert f"no certificate that the authority {authority} vouches for" in shut["198.18.77.11"][1]
    assert "certificate verify failed" in shut["198.18.77.11"][1]
    assert {each[0] for each in shut.values()} == {"error"}
    assert "it is not there" in found(later, "secrets")[str(head.home / "lab" / "id_ed25519")][1]
    assert len(found(later, "login")) == 4
