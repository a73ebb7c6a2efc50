"""The raw limit of a rebuild: the same columns by token range, pages thrown away. One process of it.

Connects, prints ``ready``, waits for a line on stdin, scans its share of the ring, prints JSON.
"""

import argparse
import json
import resource
import sys
import threading
import time
from pathlib import Path

from features import survey
from features.rebuild.cluster import connect
from features.rebuild.pages import FIRST_TOKEN, LAST_TOKEN, Page, Range, Request
from features.rebuild.settings import load

RANGES = 64
"""Ranges that the whole ring is cut into."""


class Scan:
    """Reads ranges with ``flying`` pages in flight, and counts rows."""

    def __init__(self, reader: object, ranges: list[Range], flying: int, page: int) -> None:
        self.reader, self.ranges, self.flying, self.page = reader, ranges, flying, page
        self.rows = 0
        self.failure: Exception | None = None
        self._lock = threading.Lock()
        self._left = threading.Semaphore(0)

    def run(self) -> int:
        for _ in range(self.flying):
            self._next()
        for _ in range(self.flying):
            self._left.acquire()
        if self.failure:
            raise self.failure
        return self.rows

    def _next(self) -> None:
        with self._lock:
            query = self.ranges.pop() if self.ranges and not self.failure else None
        if query is None:
            self._left.release()
        else:
            self._ask(query, None)

    def _ask(self, query: Range, state: bytes | None) -> None:
        self.reader.fetch(Request(query, state, self.page), lambda answer: self._took(query, answer))

    def _took(self, query: Range, answer: Page | Exception) -> None:
        if isinstance(answer, Exception):
            self.failure = answer
            self._left.release()
            return
        with self._lock:
            self.rows += len(answer)
        if answer.state is None:
            self._next()
        else:
            self._ask(query, answer.state)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cassandra", type=Path, required=True)
    parser.add_argument("--survey", required=True)
    parser.add_argument("--flying", type=int, required=True)
    parser.add_argument("--page", type=int, required=True)
    parser.add_argument("--share", required=True, metavar="I/N", help="this process's share of the ranges")
    parser.add_argument("--sample", type=int, default=1, help="only every so many-th range")
    arguments = parser.parse_args()
    number, of = (int(each) for each in arguments.share.split("/"))
    whole = survey(arguments.survey)
    ranges = Range(FIRST_TOKEN, LAST_TOKEN).split(RANGES)[:: arguments.sample][number::of]
    with connect(load(arguments.cassandra), whole.detections, whole.inputs, whole.beside) as reader:
        print("ready", flush=True)
        sys.stdin.readline()
        begun = time.monotonic()
        tables = [reader, *reader.others.values()]
        rows = sum(Scan(each, list(ranges), arguments.flying, arguments.page).run() for each in tables)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps({"rows": rows, "seconds": time.monotonic() - begun, "peak_kib": peak}))


if __name__ == "__main__":
    main()
