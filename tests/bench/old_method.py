"""What a rebuild was before: one unprepared ``SELECT *`` an object, dict rows, one object at a time. One process of it.

Connects, prints ``ready``, waits for a line on stdin, rebuilds the objects that a file lists, prints JSON.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster
from cassandra.query import dict_factory

from features.rebuild.settings import load
from features.ztf import create_features


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cassandra", type=Path, required=True)
    parser.add_argument("--objects", type=Path, required=True)
    arguments = parser.parse_args()
    settings = load(arguments.cassandra)
    names = arguments.objects.read_text().split()
    cluster = Cluster(
        list(settings.contact_points),
        port=settings.port,
        auth_provider=PlainTextAuthProvider(settings.username, settings.password),
    )
    session = cluster.connect(settings.keyspace)
    session.row_factory = dict_factory
    print("ready", flush=True)
    sys.stdin.readline()
    begun, rows = time.monotonic(), 0
    for name in names:
        found = list(session.execute(f"SELECT * FROM candidates WHERE objectid = '{name}'"))
        rows += len(found)
        create_features(name, found)
    print(json.dumps({"objects": len(names), "rows": rows, "seconds": time.monotonic() - begun}))
    cluster.shutdown()


if __name__ == "__main__":
    main()
