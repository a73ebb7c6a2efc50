"""The question of the bench of mining, asked with Dask: a local cluster of two processes, the same Cassandra."""

import json
import sys
import time
from pathlib import Path
from typing import Any

RANGES = 64
PROCESSES = 2
_sessions: dict[str, Any] = {}
"""One a process."""


def session(file: str) -> tuple[Any, Any]:
    """This process's connection, and the prepared query."""
    if file not in _sessions:
        from cassandra.auth import PlainTextAuthProvider
        from cassandra.cluster import Cluster

        told = json.loads(Path(file).read_text())
        account = PlainTextAuthProvider(told["username"], told["password"])
        opened = Cluster(told["contact_points"], port=told["port"], auth_provider=account).connect(told["keyspace"])
        opened.default_fetch_size = 5000
        query = "SELECT objectid, jd, magpsf FROM candidates WHERE token(objectid) > ? AND token(objectid) <= ?"
        _sessions[file] = opened, opened.prepare(query)
    found: tuple[Any, Any] = _sessions[file]
    return found


def connected(file: str) -> bool:
    return bool(session(file))


def brightest(file: str, low: int, high: int) -> Any:
    import pandas

    opened, query = session(file)
    rows = pandas.DataFrame(list(opened.execute(query, (low, high))), columns=["objectId", "jd", "magpsf"])
    return rows.groupby("objectId").agg(n=("jd", "size"), magnitude=("magpsf", "min"))


def main() -> None:
    import pandas
    from distributed import Client, LocalCluster

    from farm.plan import cut
    from tests.bench import mining_by_dask as own  # by name: of __main__'s functions every task gets a copy of its own

    file, out = sys.argv[1:]
    with (
        LocalCluster(n_workers=PROCESSES, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        client.run(own.connected, file)
        begun = time.monotonic()
        futures = client.map(own.brightest, [file] * RANGES, *zip(*cut(RANGES), strict=True))
        found = pandas.concat(client.gather(futures))
        found.to_parquet(out)
        print(json.dumps({"seconds": time.monotonic() - begun, "objects": len(found)}))


if __name__ == "__main__":
    main()
