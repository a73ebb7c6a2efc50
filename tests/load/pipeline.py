"""A writer like the real-time pipeline: ``python -m tests.load.pipeline --option-file FILE --address ADDRESS``.

So many commits a second, one row each: in turn a row of its own and a row of the run, whose ``jdmax`` moves on with
it. Standard input holds the objects of the run, a line each; an empty line after them starts it, the end of the input
ends it. Standard output gets a line ``<monotonic clock> <seconds of the commit>`` for each commit.
A transaction that lost against another one is tried again; its time is that of all tries.
"""

import argparse
import random
import sys
import threading
import time
from pathlib import Path

from farm.galera import ConflictError, Node, read_account

MAGNITUDE = 7.25
"""``gmag`` of every row that the pipeline has written."""
OWN = "LP"
"""Prefix of rows of its own."""
_OWN_ROWS = 2_000
_INSERT = "INSERT INTO objects (objectId, jdmax, ncand, gmag) VALUES (%s, 1, 1, %s) ON DUPLICATE KEY UPDATE jdmax = 1"
_UPDATE = "UPDATE objects SET jdmax = jdmax + 1, ncand = ncand + 1, gmag = %s WHERE objectId = %s"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--option-file", type=Path, required=True)
    parser.add_argument("--address", required=True)
    parser.add_argument("--rate", type=float, default=200)
    options = parser.parse_args()
    objects = list(iter(lambda: sys.stdin.readline().strip(), ""))
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    ended = threading.Event()
    with Node(read_account(options.option_file), options.address) as node:
        own = [f"{OWN}{number:07d}" for number in range(_OWN_ROWS)]
        for name in own:
            node.execute(_INSERT, (name, MAGNITUDE))
        node.commit()
        threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
        _write(node, own, objects, options.rate, ended)


def _write(node: Node, own: list[str], objects: list[str], rate: float, ended: threading.Event) -> None:
    begun, number, chosen = time.monotonic(), 0, random.Random(1)
    while not ended.is_set():
        due = begun + number / rate
        time.sleep(max(due - time.monotonic(), 0))
        names = objects if objects and number % 2 else own
        started = time.monotonic()
        _commit(node, chosen.choice(names))
        now = time.monotonic()
        sys.stdout.write(f"{now:.6f} {now - started:.6f}\n")
        number += 1


def _commit(node: Node, name: str) -> None:
    while True:
        try:
            node.execute(_UPDATE, (MAGNITUDE, name))
            node.commit()
        except ConflictError:
            node.rollback()
        else:
            return


if __name__ == "__main__":
    main()
