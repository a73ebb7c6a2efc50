"""Releases on a lab's host that provisioning did not make, and what puts its own back."""

import json
import shlex
import shutil
from pathlib import Path

from heads import on
from provisioning import answer
from struck import Struck

from farm import lab
from farm.lab import host as lab_host

OTHER = "/opt/farm/releases/other"
OWN_RELEASE = f'ln -sfn "$(cat /run/doctor.current)" /opt/farm/current; rm -rf {OTHER} /run/doctor.current'


def other_release() -> str:
    """A shell command: another release is current, of other features, that finds another Cassandra.

    It is from before the check told of nodes.
    """
    program = '#!/bin/sh\necho \'{"schema": 1, "version": "4.0.1", "latency_ms": 1}\'\n'
    release = json.dumps({"digest": "0123456789abcdef", "schema": "others"})
    return (
        f"mkdir -p {OTHER}/bin && echo {shlex.quote(release)} > {OTHER}/RELEASE.json"
        f" && printf %s {shlex.quote(program)} > {OTHER}/bin/rebuild_objects && chmod +x {OTHER}/bin/rebuild_objects"
        f" && readlink /opt/farm/current > /run/doctor.current && ln -sfn {OTHER} /opt/farm/current"
    )


def loaders_release(head: Struck, worker: str) -> None:
    """The worker's release has the database's client too, and the account of the head's option file."""
    import mysql

    client = Path("/var/tmp/doctor-client")
    root = Path(f"/proc/{lab_host.init(lab.find(worker))}/root")
    head.undo.callback(on, worker, f"rm -rf {client} /etc/farm/loader.cnf")
    shutil.copytree(
        mysql.__path__[0],
        root / client.relative_to("/") / "mysql",
        ignore=shutil.ignore_patterns("*.so", "__pycache__"),
    )
    program = f'#!/bin/sh\nPYTHONPATH={client} exec "$(cat {OTHER}/own)/bin/csv_to_database" "$@"\n'
    head.host(
        worker,
        f"readlink /opt/farm/current > /run/doctor.current && own=$(readlink -e /opt/farm/current)"
        f' && mkdir -p {OTHER}/bin && cd {OTHER} && echo "$own" > own'
        ' && cp "$own/RELEASE.json" . && ln -s "$own/bin/rebuild_objects" bin/'
        f" && printf %s {shlex.quote(program)} > bin/csv_to_database && chmod +x bin/csv_to_database"
        f" && ln -sfn {OTHER} /opt/farm/current",
        OWN_RELEASE,
    )
    account = head.secret("galera_loader.cnf").read_text()
    answer(worker, "umask 077; cat > /etc/farm/loader.cnf; chown farm: /etc/farm/loader.cnf", account)
