"""Print as JSON what a Galera node is at this moment; with "recover" also where a stopped node's data ends."""

import json
import re
import subprocess
import sys
from pathlib import Path

NEVER = "00000000-0000-0000-0000-000000000000"
GRASTATE = Path("/var/lib/mysql/grastate.dat")
UNKNOWN, NO_HISTORY = -1, -2


def output(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        return ""


def position(recover):
    """Of a stopped node: uuid of its history, its last write-set, and whether it was the last to leave the cluster."""
    text = GRASTATE.read_text() if GRASTATE.exists() else ""
    saved = dict(re.findall(r"^(uuid|seqno|safe_to_bootstrap):\s*(\S+)", text, re.MULTILINE))
    uuid, seqno = saved.get("uuid", NEVER), int(saved.get("seqno", UNKNOWN))
    if saved and seqno == UNKNOWN and recover:
        found = re.search(r"--wsrep_start_position=([0-9a-f-]{36}):(-?\d+)", output("galera_recovery"))
        if found and found[1] != NEVER:
            uuid, seqno = found[1], int(found[2])
    if uuid == NEVER:
        return "", NO_HISTORY, False
    return uuid, seqno, saved.get("safe_to_bootstrap") == "1"


def main():
    unit = output("systemctl", "is-active", "mariadb.service")
    status = dict(
        line.split("\t", 1)
        for line in output("mariadb", "-NBe", "SHOW GLOBAL STATUS LIKE 'wsrep%'").splitlines()
        if unit == "active" and "\t" in line
    )
    stopped = unit not in ("active", "activating", "reloading")
    uuid, seqno, safe = position("recover" in sys.argv) if stopped else ("", NO_HISTORY, False)
    state = {
        "unit": unit,
        "stopped": stopped,
        "status": status.get("wsrep_cluster_status", ""),
        "uuid": uuid,
        "seqno": seqno,
        "safe": safe,
    }
    print(json.dumps(state))


main()
